//! `docs/records.md` says what the schemas say.
//!
//! After a change of records: `PINRAIL_GOLDEN=write cargo test -p pinrail-types --test records_document`.

use std::fmt::Write;
use std::path::Path;

use pinrail_types::record::RECORDS;
use pinrail_types::schema::{HASH, Kind, Schema};

const HEAD: &str = "\
# The layouts of records

Made from the schemas in `crates/types` by a test, `crates/types/tests/records_document.rs`, which fails where this page
differs from them and says how to make it anew. [`journal-format.md`](journal-format.md) says how records stand in a journal,
and what their first 32 bytes are; the tables here go on behind those. Offsets are from the start of the record. What the
fields mean stands in `cargo doc` of `pinrail_types::record`, under the same names.

| kind | what |
|---|---|
| `u8` to `u64` | unsigned, little-endian |
| `i8` to `i64` | signed, two's complement, little-endian |
| `i128` | the same; an amount in the smallest unit of its asset |
| `text` | ASCII, padded with zeros |
| `id` | given out by the desk: `u64` sequence, `u32` epoch, `u32` place; none if the epoch is 0; written `epoch-sequence-place` |
| `levels` | 16 bytes for each level, `i64` price and `i64` quantity: first as many as `bids` says, then as many as `asks` says |
| `padding` | zeros |

Prices are in ticks and quantities in lots of the record's instrument; a price of -2^63 is none. Times (`ts_…`,
`valid_until`) are nanoseconds since the Unix epoch, UTC; 0 is none. What FIX has as one character has its value: a `side` of
49 (`1`) buys, one of 50 (`2`) sells, and 0 asks for both.

A record is decoded by this page if its type and its layout version are those given here; the version of a type changes with
its layout. A record of varying length ends where its commit word says. The flags there: 1 last and 2 first record of a
batch that must be seen whole, 4 part of a full image of a book, 8 may have been sent before.
";

fn kind(kind: Kind) -> (String, usize) {
    let bits = |letter: char, bytes: u8| (format!("`{letter}{}`", u32::from(bytes) * 8), usize::from(bytes));
    match kind {
        Kind::Unsigned(bytes) => bits('u', bytes),
        Kind::Signed(bytes) => bits('i', bytes),
        Kind::Text(bytes) => ("`text`".to_owned(), usize::from(bytes)),
        Kind::OutId => ("`id`".to_owned(), 16),
        Kind::Amount => ("`i128`".to_owned(), 16),
        Kind::Levels(most) => ("`levels`".to_owned(), usize::from(most) * 16),
        Kind::Padding(bytes) => ("`padding`".to_owned(), usize::from(bytes)),
    }
}

fn section(page: &mut String, schema: &Schema) -> std::fmt::Result {
    let varies = schema
        .fields
        .last()
        .is_some_and(|field| matches!(field.kind, Kind::Levels(_)));
    writeln!(
        page,
        "\n## `{:#06x}` {}\n\nLayout version {}, {}{} bytes.\n\n| offset | length | kind | field |\n|---|---|---|---|",
        schema.record_type.0,
        schema.name,
        schema.version,
        if varies { "up to " } else { "" },
        schema.lines * 64
    )?;
    for field in schema.fields {
        let (kind, length) = kind(field.kind);
        writeln!(
            page,
            "| {} | {length} | {kind} | `{}` |",
            field.offset, field.name
        )?;
    }
    Ok(())
}

#[test]
fn the_document_is_what_the_schemas_say() {
    let mut page = HEAD.to_owned();
    writeln!(page, "\nSchema hash of all of them: `{HASH:#018x}`.").expect("writing to a string");
    for schema in RECORDS {
        section(&mut page, schema).expect("writing to a string");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/records.md");
    if std::env::var("PINRAIL_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&file, &page).expect("the folder of documents is there");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == page,
        "docs/records.md is not what the schemas say. If records were meant to change: \
         PINRAIL_GOLDEN=write cargo test -p pinrail-types --test records_document"
    );
}
