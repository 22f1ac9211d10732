#!/usr/bin/env python3
"""Reads the archive of a Pinrail journal and prints each record as a line of JSON: read_journal.py ARCHIVE

Written from docs/journal-format.md and docs/records.md. Checks headers, CRCs, marks, order and ends. Leaves out the chain of
hashes, because BLAKE3 is not in Python's standard library: `pinrail journal verify` checks it. Exits with 0 if the journal ends
cleanly, 1 if its tail is torn, 3 if it is corrupt or of another format version.
"""
import json, pathlib, re, struct, sys

PAGE, LINE, MARK, END, VERSION = 4096, 64, 0x00030001, 0x00020001, 1
NO_PRICE, SIDES = -(2**63), {0: "TwoSided", 49: "Buy", 50: "Sell"}
LAYOUTS = {  # (type, layout version, length): name, struct behind the header, fields
    (0x0301, 0, 128): ("QuoteRequest", "<24sIIqBxH4xQQ32x",
                  "quote_req_id client instrument qty side session ts_recv valid_until"),
    (0x1001, 0, 192): ("Quote", "<24s16sIIqqqQqqqqQHBB36x",
                  "quote_req_id quote_id client instrument bid_px offer_px qty valid_until hedge_bid_px hedge_offer_px "
                  "ref_px half_spread_e8 book_seq session side venues"),
}
TABLE = list(range(256))
for _ in range(8):
    TABLE = [crc >> 1 ^ (0x82F63B78 if crc & 1 else 0) for crc in TABLE]


class Bad(Exception):
    """Corruption, or a format that this program does not know."""


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def crc_is_right(salt, record):
    return crc32c(salt + record[:4] + bytes(4) + record[8:]) == struct.unpack_from("<I", record, 4)[0]


def known_version(path, version):
    if version != VERSION:
        raise Bad(f"{path}: format version {version}, this program reads {VERSION}")
    return True


class Segment:
    def __init__(self, path, data, number, epoch):
        self.path, self.data, self.number, self.epoch, self.at, self.end = path, data, number, epoch, PAGE, None
        (magic, version, page, probe, flags, self.id, *place, self.seq, self.position) = struct.unpack_from(
            "<8sIIQ4xI16sI4xQQQ", data.ljust(PAGE, b"\0"))
        self.is_readable = (
            magic == b"PINRAILJ" and known_version(path, version) and len(data) >= page == PAGE and flags & 2
            and probe == 0x0102030405060708 and crc32c(data[:252]) == struct.unpack_from("<I", data, 252)[0]
            and not any(data[256:PAGE]) and place == [epoch, number] and self.position % LINE == 0)

    def salt(self, journal_id):
        return journal_id + struct.pack("<QQ", self.epoch, self.number)

    def records(self):
        """Yields (record, position); then `end` is "sealed", "open", or what is damaged at byte `at`."""
        salt, batch_end, data = self.salt(self.id), self.position, self.data
        while not self.end:
            line = data[self.at:self.at + LINE].ljust(LINE, b"\0")
            word, seq, position, durable, batch, offset = struct.unpack("<I4xQ8xQQQQ8x", line)
            length = (word & 15) * LINE
            record = data[self.at:self.at + length]
            is_here = (seq, position) == (self.seq, self.position) and self.position == batch_end
            if not any(line[:8]):
                whole = self.position == batch_end and not any(data[self.at:])
                self.end = "open" if whole else "zeros where something must stand"
            elif not LINE <= length <= 4 * LINE or len(record) < length or not crc_is_right(salt, record):
                self.end = "length or checksum"
            elif word == MARK and is_here and offset == self.at and durable <= position:
                batch_end, self.at = position + batch, self.at + length
            elif word == END and is_here and not any(data[self.at + LINE:]):
                self.end = "sealed"
            elif word >> 24 == 0 or self.position + length > batch_end or seq != self.seq:
                self.end = "framing, batch or sequence"
            else:
                yield record, self.position
                self.position, self.seq, self.at = self.position + length, self.seq + 1, self.at + length

    def durable(self, journal_id):
        """The highest position that a readable mark or end behind the damage calls durable."""
        highest, salt = 0, self.salt(journal_id)
        for at in range(self.at, len(self.data) - LINE + 1, LINE):
            word, position, durable, offset = struct.unpack_from("<I20xQQ8xQ", self.data, at)
            claim = durable if word == MARK and offset == at else position if word == END else 0
            if claim > highest and crc_is_right(salt, self.data[at:at + LINE]):
                highest = claim
        return highest


def read(archive):
    """Yields (record, position); returns what is torn, or None."""
    meta, before = (archive / "meta").read_bytes(), None
    known_version(archive / "meta", struct.unpack_from("<I", meta.ljust(12, b"\0"), 8)[0])
    if len(meta) != LINE or meta[:8] != b"PINRAILM" or crc32c(meta[:60]) != struct.unpack_from("<I", meta, 60)[0]:
        raise Bad(f"{archive / 'meta'}: no meta file, or damaged")
    for path in sorted(archive.glob("*.seg.zst")):
        if not path.with_suffix("").exists():
            raise Bad(f"{path}: compressed, and this program reads plain segments; `zstd -d` makes one of it")
    files = [(path, re.fullmatch(r"(\d{10})-(\d{6})", path.stem)) for path in sorted(archive.glob("*.seg"))]
    files = [Segment(path, path.read_bytes(), int(name[1]), int(name[2])) for path, name in files if name]
    segments = [segment for segment in files if any(segment.data)]
    for segment in segments:
        place = (before.position, before.seq) if before else (0, 1)
        if not segment.is_readable:
            segment.at, segment.end, (segment.position, segment.seq) = 0, "segment header", place
            break
        starts = before or segment.number > 1 or (segment.position, segment.seq) == place
        if not starts or segment.id != meta[16:32] or before and not (
                segment.number == before.number + 1 and (segment.position, segment.seq) == place
                and (before.end == "sealed" or segment.epoch > before.epoch)):
            end = f"what {before.path} ends with at byte {before.at}: {before.end}" if before else "a journal's start"
            raise Bad(f"corrupt: {segment.path} does not follow {end}")
        yield from segment.records()
        before = segment
    if not segments or segment.end in ("sealed", "open"):
        return None
    text = f"{segment.path} at byte {segment.at} (position {segment.position}, sequence {segment.seq}): {segment.end}"
    if segment is not segments[-1] or segment.durable(meta[16:32]) > segment.position:
        raise Bad(f"corrupt: {text}")
    return text


def decode(record, position):
    word, _, seq, ts_core, cause = struct.unpack_from("<IIQQQ", record)
    out = {"seq": seq, "position": position, "ts_core": ts_core, "cause": cause, "type": word >> 16,
           "version": word >> 4 & 15, "flags": word >> 8 & 255, "payload": record[32:].hex()}
    known = LAYOUTS.get((out["type"], out["version"], len(record)))
    if not known:
        return out
    out["name"], layout, names = known
    out["fields"] = dict(zip(names.split(), struct.unpack_from(layout, record, 32)))
    for field, value in out["fields"].items():
        if field == "quote_id":
            place, epoch, sub = struct.unpack("<QII", value)
            value = f"{epoch}-{place}-{sub}" if epoch else None
        elif isinstance(value, bytes):
            value = value.rstrip(b"\0").decode("latin-1")
        elif field == "side":
            value = SIDES.get(value, value)
        elif field.endswith("_px") and value == NO_PRICE or field in ("ts_recv", "valid_until") and value == 0:
            value = None
        out["fields"][field] = value
    return out


def main(archive):
    records = read(pathlib.Path(archive))
    try:
        while True:
            print(json.dumps(decode(*next(records))))
    except StopIteration as end:
        if end.value:
            print(f"torn: {end.value}", file=sys.stderr)
        return 1 if end.value else 0
    except (Bad, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
