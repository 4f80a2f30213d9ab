"""``edgeconv VERB``: parses, calls the API, renders. No logic lives here."""

from __future__ import annotations

import sys


def main() -> None:
    """The command ``edgeconv``.

    Exit codes: 0 done, 1 a gate failed, 2 bad usage or input, 3 inconclusive.
    """
    from edgeconv.cli.app import app
    from edgeconv.cli.console import explain_error
    from edgeconv.cli.quiet import quieten_libraries
    from edgeconv.errors import EdgeconvError

    quieten_libraries()
    try:
        app(prog_name="edgeconv")
    except EdgeconvError as error:
        explain_error(error, as_json="--json" in sys.argv)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was there before is as it was\n")
        sys.exit(130)
