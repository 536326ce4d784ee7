use super::super::fixture::{LedgerFixture, Row, terms};
use super::super::orders::STRETCH_EVENTS;
use super::super::row::EventKind;
use super::*;

fn exported(ledger: &LedgerFixture, format: Format, sale: Option<&str>) -> String {
    let sale = sale.map(|sale| SaleId::parse(sale).expect("an id"));
    let filter = OrderFilter { sale, ..OrderFilter::default() };
    let mut out = Vec::new();
    export(&ledger.reader(), format, &filter, &mut out).expect("an export");
    String::from_utf8(out).expect("text")
}

fn two_sales() -> LedgerFixture {
    let mut ledger = LedgerFixture::live(9, 9);
    let mut held = terms("held", 9, 1, &[("-hat", 9)]);
    held.hold_us = Some(600_000_000);
    ledger.create(1, &held);
    ledger.append(&Row::of(EventKind::SaleOpened, 1));
    ledger.append(&Row::order(0, 0, "ann").with_id(1).units(2).keyed("secret"));
    ledger.append(&Row::order(1, 1, "=1+1|\",\"").with_id(2).held());
    ledger
}

#[test]
fn orders_are_written_as_csv_that_is_quoted_and_calculates_nothing() {
    let csv = exported(&two_sales(), Format::Csv, None);
    let expected = "order,sale,sku,quantity,buyer,state,price,total,currency,placed_at,expires_at,stored,late,payment\r\n\
        01010101-0101-0101-0101-010101010101,launch,sneaker-42,2,ann,confirmed,129.00,258.00,USD,\
        2026-09-21T14:13:20.000000Z,,disk,false,\r\n\
        02020202-0202-0202-0202-020202020202,held,'-hat,1,\"'=1+1|\"\",\"\"\",held,129.00,129.00,USD,\
        2026-09-21T14:13:20.000000Z,2026-09-21T14:23:20.000000Z,disk,false,\r\n";
    assert_eq!(csv, expected);
}

#[test]
fn orders_are_written_as_lines_of_json_like_the_body_of_an_order() {
    let lines = exported(&two_sales(), Format::Jsonl, Some("held"));
    let order: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one line of JSON");
    let price = serde_json::json!({"amount": "129.00", "currency": "USD"});
    let expected = serde_json::json!({
        "order": "02020202-0202-0202-0202-020202020202", "sale": "held", "sku": "-hat", "quantity": 1,
        "buyer": "=1+1|\",\"", "state": "held", "price": price, "total": price,
        "placed_at": "2026-09-21T14:13:20.000000Z", "expires_at": "2026-09-21T14:23:20.000000Z", "stored": "disk",
    });
    assert_eq!(order, expected);
    assert!(lines.ends_with("}\n") && !lines.contains("secret"));
}

#[test]
fn every_cell_that_a_spreadsheet_would_calculate_is_text() {
    for (given, written) in [
        ("plain", "plain"),
        ("a=b", "a=b"),
        ("=a", "'=a"),
        ("+a", "'+a"),
        ("-a", "'-a"),
        ("@a", "'@a"),
        ("\ta", "'\ta"),
        ("\ra", "\"'\ra\""),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("a\nb", "\"a\nb\""),
        ("", ""),
    ] {
        assert_eq!(cell(given), written, "{given:?}");
    }
}

#[test]
fn one_sales_orders_are_exported_alone_and_an_unknown_sale_is_said() {
    let ledger = two_sales();
    assert_eq!(exported(&ledger, Format::Csv, Some("launch")).lines().count(), 2);
    let unknown = OrderFilter { sale: SaleId::parse("lunch").ok(), ..OrderFilter::default() };
    let fault = export(&ledger.reader(), Format::Csv, &unknown, io::sink());
    assert!(matches!(fault, Err(ExportFault::UnknownSale(_))), "{fault:?}");
}

#[test]
fn a_ledger_without_orders_is_a_header() {
    assert_eq!(exported(&LedgerFixture::new(), Format::Csv, None), HEADER);
    assert_eq!(exported(&LedgerFixture::new(), Format::Jsonl, None), "");
}

#[test]
fn orders_of_many_chunks_are_exported_once_each() {
    for orders in [STRETCH_EVENTS - 2, STRETCH_EVENTS - 1, STRETCH_EVENTS, 2 * STRETCH_EVENTS] {
        let mut ledger = LedgerFixture::live(1, 100_000);
        ledger.sql("BEGIN");
        for number in 0..orders {
            ledger.append(&Row::order(0, 0, &format!("b-{number}")));
        }
        ledger.sql("COMMIT");
        let lines = exported(&ledger, Format::Csv, None);
        let buyers = lines.lines().skip(1).map(|line| line.split(',').nth(4).expect("a buyer"));
        assert!(buyers.eq((0..orders).map(|number| format!("b-{number}"))), "{orders}");
    }
}

/// Accepts some bytes, then fails.
struct Narrow(usize, io::ErrorKind);

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(self.1.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_export_quietly_and_a_full_disk_does_not() {
    let ledger = two_sales();
    assert!(
        export(&ledger.reader(), Format::Csv, &OrderFilter::default(), Narrow(10, io::ErrorKind::BrokenPipe)).is_ok()
    );
    let fault = export(&ledger.reader(), Format::Csv, &OrderFilter::default(), Narrow(10, io::ErrorKind::StorageFull));
    assert!(matches!(fault, Err(ExportFault::Write(_))), "{fault:?}");
}
