"""Three gates, statistics, verdict, report: whether an artifact decides as the original does."""
