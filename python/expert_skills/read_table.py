"""Reads a table of an unknown origin: its format by name, its encoding by trial. Whatever is wrong with it is an answer, not a crash."""
import csv
import io
import json
import os
import zipfile

import pandas as pd

FORMATS = (".csv", ".tsv", ".xlsx", ".json", ".jsonl")
ENCODINGS = ("utf-8", "gb18030", "latin-1")
MAX_BYTES = 20 * 1024 * 1024
MAX_UNPACKED = 200 * 1024 * 1024
PROBE_BYTES = 65536


class Unreadable(Exception):
    """A file that is no table for us; `code` says why."""

    def __init__(self, code, detail=""):
        super().__init__(code)
        self.code = code
        self.detail = detail


class Table:
    """The rows of a file and how they were read."""

    def __init__(self, frame, file_format, encoding=None, notes=()):
        self.frame = frame
        self.format = file_format
        self.encoding = encoding
        self.notes = list(notes)


def read_table(path):
    """Reads a file. Raises `Unreadable`, nothing else."""
    extension = os.path.splitext(path)[1].lower()
    if extension == ".xls":
        raise Unreadable("format_unsupported", ".xls")
    if extension not in FORMATS:
        raise Unreadable("format_unsupported", extension or "no extension")
    raw = _read_bytes(path)
    try:
        table = _read_workbook(raw) if extension == ".xlsx" else _read_text(raw, extension)
    except Unreadable:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a parser may fail in many ways; for us all mean the same
        raise Unreadable("file_unreadable", type(error).__name__) from None
    table.frame.columns = [str(name) for name in table.frame.columns]
    if table.frame.shape[1] == 0:
        raise Unreadable("file_empty")
    return table


def _read_bytes(path):
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise Unreadable("file_too_large")
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        raise Unreadable("file_unreadable") from None
    if raw.strip() == b"":
        raise Unreadable("file_empty")
    return raw


def _read_text(raw, extension):
    text, encoding = _decode(raw)
    if text.strip() == "":
        raise Unreadable("file_empty")
    if extension == ".json":
        return _read_json(text, encoding)
    if extension == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines() if line.strip() != ""]
        return Table(_frame_of(rows), "jsonl", encoding)
    separator = "\t" if extension == ".tsv" else _separator(text)
    try:
        frame = pd.read_csv(io.StringIO(text), sep=separator, skipinitialspace=True)
        notes = [] if separator in (",", "\t") else [f"separator {separator}"]
    except pd.errors.EmptyDataError:
        raise Unreadable("file_empty") from None
    except pd.errors.ParserError:
        frame = pd.read_csv(io.StringIO(text), sep=separator, skipinitialspace=True, engine="python", on_bad_lines="skip", index_col=False)
        notes = ["uneven_rows_skipped"]
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
        notes.append("rows_longer_than_header")
    return Table(frame, extension[1:], encoding, notes)


def _decode(raw):
    """UTF-8 with or without a mark, GB18030, Latin-1; zero bytes are in no text of these."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("file_unreadable", "utf-16")
    if b"\0" in raw:
        raise Unreadable("file_unreadable", "binary")
    for encoding in ENCODINGS:
        try:
            text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError:
            continue
        if _is_binary(text):
            raise Unreadable("file_unreadable", "binary")
        return text, encoding
    raise Unreadable("file_unreadable", "encoding")


def _is_binary(text):
    """Control characters are rare in texts and common in everything else."""
    probe = text[:PROBE_BYTES]
    strange = sum(1 for character in probe if character < " " and character not in "\t\n\r\f") + sum(1 for c in probe if "\x7f" <= c <= "\x9f")
    return strange > max(2, len(probe) // 100)


def _separator(text):
    """A comma unless the first lines agree on another one."""
    head = "\n".join(text.splitlines()[:20])
    first = head.splitlines()[0] if head else ""
    if "," in first:
        return ","
    try:
        found = csv.Sniffer().sniff(head, delimiters=";\t|").delimiter
    except csv.Error:
        return ","
    return found if found in first else ","


def _read_json(text, encoding):
    value = json.loads(text)
    if isinstance(value, list):
        return Table(_frame_of(value), "json", encoding)
    if not isinstance(value, dict):
        raise Unreadable("file_unreadable", "no table")
    lists = [(name, item) for name, item in value.items() if isinstance(item, list) and item and all(isinstance(row, dict) for row in item)]
    if len(lists) == 1:
        return Table(_frame_of(lists[0][1]), "json", encoding, [f"rows of {lists[0][0]}"[:80]])
    if value and all(isinstance(item, list) for item in value.values()) and len({len(item) for item in value.values()}) == 1:
        return Table(pd.DataFrame(value), "json", encoding)
    return Table(_frame_of([value]), "json", encoding, ["one_object"])


def _frame_of(rows):
    if all(isinstance(row, dict) for row in rows):
        return pd.DataFrame.from_records(rows)
    return pd.DataFrame({"value": rows})


def _read_workbook(raw):
    if not zipfile.is_zipfile(io.BytesIO(raw)):
        raise Unreadable("file_unreadable", "no workbook")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
            raise Unreadable("file_too_large")
    with pd.ExcelFile(io.BytesIO(raw), engine="openpyxl") as book:
        names = book.sheet_names
        frame = book.parse(names[0])
    notes = [f"first of {len(names)} sheets"] if len(names) > 1 else []
    return Table(frame, "xlsx", None, notes)
