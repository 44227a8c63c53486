"""What the exporter of metrics wrote, asked of a plain PostgreSQL with psql.

    postgres.py panels DASHBOARD   runs the SQL of the dashboard's panels as it stands there: rows or an error
    postgres.py bucket             holds the time_bucket that the exporter made to TimescaleDB's cuts
    postgres.py rows               how many samples there are, and the highest height
    postgres.py gap SECONDS        the samples around the longest gap are under SECONDS apart, or it fails

psql finds the database by PGHOST, PGUSER and PGDATABASE."""

import json
import subprocess
import sys

# Width, moment, begin of its bucket (docs.timescale.com, time_bucket: Monday 2000-01-03 in UTC for
# widths without months, 2000-01-01 for those with).
CUTS = [
    ("5 minutes", "2026-03-04 10:17:59.5+00", "2026-03-04 10:15:00+00"),
    ("1 hour", "2026-03-04 10:17:59+00", "2026-03-04 10:00:00+00"),
    ("1 day", "2026-03-04 23:59:59+00", "2026-03-04 00:00:00+00"),
    ("1 day", "2026-03-04 23:30:00-02", "2026-03-05 00:00:00+00"),
    ("1 week", "2026-03-04 10:00:00+00", "2026-03-02 00:00:00+00"),
    ("1 week", "1999-12-31 10:00:00+00", "1999-12-27 00:00:00+00"),
    ("1 month", "2026-02-28 10:00:00+00", "2026-02-01 00:00:00+00"),
    ("3 months", "2026-12-31 10:00:00+00", "2026-10-01 00:00:00+00"),
    ("1 month", "1999-12-31 10:00:00+00", "1999-12-01 00:00:00+00"),
    ("1 year", "2026-06-01 00:00:00+00", "2026-01-01 00:00:00+00"),
]


def ask(sql):
    """Rows of a statement, as lists of text."""
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
        input=sql, text=True, capture_output=True, timeout=60,
    )
    assert done.returncode == 0, f"{sql}\n{done.stderr}"
    return [line.split("\t") for line in done.stdout.splitlines()]


def panels(path):
    count = 0
    for panel in json.load(open(path))["panels"]:
        for target in panel.get("targets", []):
            if target["datasource"]["type"] != "postgres":
                continue
            sql = target["rawSql"]
            assert "$" not in sql, f"{panel['title']}: psql knows no macros of Grafana"
            rows = ask(sql)
            assert rows, f"{panel['title']}: no rows"
            # A curve needs a number in each column beside time and name.
            assert all(all(field != "" for field in row) for row in rows), (panel["title"], rows[:3])
            print(f"ok -- {panel['title']}: {len(rows)} rows, the last {rows[-1]}")
            count += 1
    assert count >= 3, f"{count} panels ask in SQL"


def bucket():
    for width, moment, begin in CUTS:
        [[same, was]] = ask(
            f"SELECT time_bucket('{width}', timestamptz '{moment}') = timestamptz '{begin}',"
            f" time_bucket('{width}', timestamptz '{moment}');"
        )
        assert same == "t", (width, moment, begin, was)
    print(f"ok -- time_bucket cuts {len(CUTS)} moments as TimescaleDB does")


def rows():
    [[count, height]] = ask("SELECT count(*), coalesce(max(height), 0) FROM blockchain_metrics;")
    print(count, height)


def gap(limit):
    [[longest, samples]] = ask(
        "SELECT extract(epoch FROM max(gap)), count(*) FROM"
        " (SELECT time - lag(time) OVER (ORDER BY time) AS gap FROM blockchain_metrics) AS gaps;"
    )
    assert float(longest) <= limit, f"{longest} s without a sample"
    print(f"ok -- {samples} samples, never more than {float(longest):.1f} s apart")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["panels", path]:
            panels(path)
        case ["bucket"]:
            bucket()
        case ["rows"]:
            rows()
        case ["gap", limit]:
            gap(float(limit))
        case _:
            sys.exit(__doc__)
