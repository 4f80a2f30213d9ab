"""What exported files cost on this machine: time, memory, size, changed decisions."""
