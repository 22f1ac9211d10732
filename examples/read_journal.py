#!/usr/bin/env python3
"""Reads the archive of a Pinrail journal and prints its records. Written from docs/journal-format.md and docs/records.md.

Checks headers, CRCs, marks, order and ends as the document says. Leaves out the chain of hashes, because BLAKE3 is not in
Python's standard library: `pinrail journal verify` checks it. Exits with 0 if the journal ends cleanly, 1 if its tail is torn,
3 if it is corrupt or of another format version.
"""
import argparse, json, pathlib, re, struct, sys

PAGE, LINE, MARK, END, VERSION = 4096, 64, 0x00030001, 0x00020001, 1
NO_PRICE, SIDES = -(2**63), {0: "TwoSided", 49: "Buy", 50: "Sell"}
LAYOUTS = {  # (type, layout version): name, struct behind the header, fields
    (0x0301, 0): ("QuoteRequest", "<24sIIqBxH4xQQ32x",
                  "quote_req_id client instrument qty side session ts_recv valid_until"),
    (0x1001, 0): ("Quote", "<24s16sIIqqqQqqqqQHBB36x",
                  "quote_req_id quote_id client instrument bid_px offer_px qty valid_until hedge_bid_px hedge_offer_px "
                  "ref_px half_spread_e8 book_seq session side venues"),
}
TABLE = []
for remainder in range(256):
    for _ in range(8):
        remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    TABLE.append(remainder)


class Bad(Exception):
    """Corruption, or a format that this program does not know."""


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def crc_is_right(salt, record):
    return crc32c(salt + record[:4] + bytes(4) + record[8:]) == struct.unpack_from("<I", record, 4)[0]


def check_version(path, found):
    if found != VERSION:
        raise Bad(f"{path}: format version {found}, this program reads {VERSION}")


class Segment:
    def __init__(self, path, data, number, epoch):
        self.path, self.data, self.number, self.epoch = path, data, number, epoch
        self.at, self.end = PAGE, None
        magic, version, page, probe, _, flags, self.id = struct.unpack_from("<8sIIQII16s", data.ljust(PAGE, b"\0"))
        if magic == b"PINRAILJ":
            check_version(path, version)
        self.named = struct.unpack_from("<IxxxxQQQ", data.ljust(PAGE, b"\0"), 48)
        self.seq, self.position = self.named[2:]
        self.is_readable = (
            len(data) >= PAGE and magic == b"PINRAILJ" and page == PAGE and probe == 0x0102030405060708 and flags & 2
            and crc32c(data[:252]) == struct.unpack_from("<I", data, 252)[0] and not any(data[256:PAGE])
            and self.named[:2] == (epoch, number) and self.position % LINE == 0)

    def salt(self, journal_id):
        return journal_id + struct.pack("<QQ", self.epoch, self.number)

    def records(self):
        """Yields the records; then `end` is "sealed", "open", or what is damaged at byte `at`."""
        salt, batch_end, data = self.salt(self.id), self.position, self.data
        while True:
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
                batch_end = position + batch
            elif word == END and is_here and not any(data[self.at + LINE:]):
                self.end = "sealed"
            elif word >> 24 == 0 or self.position + length > batch_end or seq != self.seq:
                self.end = "framing, batch or sequence"
            else:
                self.position, self.seq = self.position + length, self.seq + 1
                yield record
            if self.end:
                return
            self.at += length

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
    meta = (archive / "meta").read_bytes()
    if len(meta) != 64 or meta[:8] != b"PINRAILM":
        raise Bad(f"{archive / 'meta'}: no meta file")
    check_version(archive / "meta", struct.unpack_from("<I", meta, 8)[0])
    if crc32c(meta[:60]) != struct.unpack_from("<I", meta, 60)[0]:
        raise Bad(f"{archive / 'meta'}: checksum")
    journal_id, before, segments = meta[16:32], None, []
    for path in sorted(archive.glob("*.seg")):
        name, data = re.fullmatch(r"(\d{10})-(\d{6})", path.stem), path.read_bytes()
        if name and any(data):
            segments.append(Segment(path, data, int(name[1]), int(name[2])))
    for segment in segments:
        place = (before.position, before.seq) if before else (0, 1)
        if not segment.is_readable:
            segment.at, segment.end, (segment.position, segment.seq) = 0, "segment header", place
            break
        starts = before or segment.number > 1 or (segment.position, segment.seq) == place
        if not starts or segment.id != journal_id or before and not (
                segment.number == before.number + 1 and (segment.position, segment.seq) == place
                and (before.end == "sealed" or segment.epoch > before.epoch)):
            end = f"what {before.path} ends with at byte {before.at}: {before.end}" if before else "a journal's start"
            raise Bad(f"corrupt: {segment.path} does not follow {end}")
        for record in segment.records():
            yield record, segment.position - len(record)
        before = segment
    if not segments or segment.end in ("sealed", "open"):
        return None
    text = f"{segment.path} at byte {segment.at} (position {segment.position}, sequence {segment.seq}): {segment.end}"
    if segment is not segments[-1] or segment.durable(journal_id) > segment.position:
        raise Bad(f"corrupt: {text}")
    return text


def decode(record, position):
    word, _, seq, ts_core, cause = struct.unpack_from("<IIQQQ", record)
    out = {"seq": seq, "position": position, "ts_core": ts_core, "cause": cause, "type": word >> 16,
           "version": word >> 4 & 15, "flags": word >> 8 & 255, "payload": record[32:].hex()}
    name, layout, fields = LAYOUTS.get((out["type"], out["version"]), (None, "", ""))
    if name and len(record) == 32 + struct.calcsize(layout):
        out["name"], out["fields"] = name, {}
        for field, value in zip(fields.split(), struct.unpack_from(layout, record, 32)):
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=pathlib.Path, help="the directory with meta and the .seg files")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each record")
    arguments = parser.parse_args()
    try:
        records = read(arguments.archive)
        while True:
            out = decode(*next(records))
            if arguments.json:
                print(json.dumps(out))
            else:
                name, fields = out.get("name", f"{out['type']:#06x}"), out.get("fields", out["payload"])
                print(out["seq"], out["ts_core"], name, fields)
    except StopIteration as end:
        if end.value:
            print(f"torn: {end.value}", file=sys.stderr)
        return 1 if end.value else 0
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except (Bad, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
