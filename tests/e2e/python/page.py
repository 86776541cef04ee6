"""Pages of metrics, read by somebody else's code.

page.py strict       reads an OpenMetrics page from standard input with the strict parser of prometheus_client
page.py text FILE    prints the golden FILE, which is OpenMetrics without its end, as Prometheus text 0.0.4
page.py golden FILE  reads the golden FILE like `strict`
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

SUFFIX = {"counter": "_total", "info": "_info"}
# Text 0.0.4 has no info type; Prometheus refuses a page that names one.
TEXT_KIND = {"info": "gauge"}


def strict(page):
    families = list(text_string_to_metric_families(page))
    if not families:
        sys.exit("the page has no metrics at all")
    print(f"{len(families)} families, {sum(len(family.samples) for family in families)} samples")


def to_text(golden):
    """Only header lines differ between the formats; HELP stands before TYPE in our pages and waits for it here."""
    help_line = None
    for line in golden.splitlines():
        if line.startswith("# HELP "):
            help_line = line.split(" ", 3)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            name += SUFFIX.get(kind, "")
            if help_line:
                yield f"# HELP {name} {help_line[3]}"
            yield f"# TYPE {name} {TEXT_KIND.get(kind, kind)}"
            help_line = None
        elif not line.startswith("#"):
            yield line


def main():
    match sys.argv[1:]:
        case ["strict"]:
            strict(sys.stdin.read())
        case ["golden", path]:
            with open(path, encoding="utf-8") as file:
                strict(file.read() + "# EOF\n")
        case ["text", path]:
            with open(path, encoding="utf-8") as file:
                print("\n".join(to_text(file.read())))
        case _:
            sys.exit(__doc__)


main()
