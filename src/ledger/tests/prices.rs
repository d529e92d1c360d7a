//! Prices are read exactly, and bad files are rejected by field.

use crate::ledger::{BillItem, BillOptions, BillingPlan, HourRow, Ledger, Prices, ResourceRow};

const PRICES: &str = include_str!("../../../cli/data/prices.json");
const HOUR: u64 = 60 * 60 * 1_000;
const BEGIN: u64 = 1_800_000_000_000 / HOUR * HOUR;

fn table(resource: ResourceRow, hours: u64) -> Ledger {
    Ledger { began_millis: BEGIN, ended_millis: BEGIN + hours * HOUR, resources: vec![resource], ..Ledger::default() }
}

fn nanos(ledger: &Ledger, item: BillItem) -> u64 {
    let bill = ledger.bill(&Prices::from_json(PRICES).unwrap(), &BillOptions::new()).unwrap();
    bill.lines.iter().filter(|line| line.item == item).map(|line| line.nanos).sum()
}

/// The worked examples of the oracle: a million writes on demand, ten write units for an idle day, and the other class.
#[test]
fn worked_examples() {
    let row = |is_infrequent_access: bool| ResourceRow {
        table: "t".to_owned(),
        is_on_demand: true,
        is_infrequent_access,
        ..ResourceRow::default()
    };
    let written = HourRow {
        hour_millis: Some(BEGIN),
        table: "t".to_owned(),
        write_milliunits: 1_000_000_000,
        on_demand_write_milliunits: 1_000_000_000,
        peak_write_milliunits: 1_000_000_000,
        ..HourRow::default()
    };
    let mut standard = table(row(false), 1);
    standard.hours = vec![written.clone()];
    assert_eq!(nanos(&standard, BillItem::OnDemandWrites), 625_000_000);
    let mut infrequent = table(row(true), 1);
    infrequent.hours = vec![written];
    assert_eq!(nanos(&infrequent, BillItem::OnDemandWrites), 780_000_000);

    let idle = ResourceRow { table: "t".to_owned(), write_unit_hours: 240, ..ResourceRow::default() };
    assert_eq!(nanos(&table(idle, 24), BillItem::ProvisionedWrites), 156_000_000);

    // A GB for a whole month of 730 hours.
    let stored = ResourceRow { table: "t".to_owned(), billed_bytes: 1 << 30, ..ResourceRow::default() };
    assert_eq!(nanos(&table(stored.clone(), 730), BillItem::Storage), 250_000_000);
    let recoverable = ResourceRow { has_point_in_time_recovery: true, ..stored };
    assert_eq!(nanos(&table(recoverable, 365), BillItem::PointInTimeRecovery), 100_000_000);
    let followed = ResourceRow { table: "t".to_owned(), stream_reads: 100_000, ..ResourceRow::default() };
    assert_eq!(nanos(&table(followed, 1), BillItem::StreamReads), 20_000_000);
}

/// Steady traffic is cheapest reserved, a burst an hour long on demand.
#[test]
fn plans_are_compared() {
    let prices = Prices::from_json(PRICES).unwrap();
    let hour = |at: u64, units_per_sec: u64| HourRow {
        hour_millis: Some(BEGIN + at * HOUR),
        table: "t".to_owned(),
        write_milliunits: units_per_sec * 3_600_000,
        peak_write_milliunits: units_per_sec * 60_000,
        ..HourRow::default()
    };
    let resource = ResourceRow { table: "t".to_owned(), is_on_demand: true, ..ResourceRow::default() };
    let mut steady = table(resource.clone(), 100);
    steady.ended_millis -= 1;
    steady.hours = (0..100).map(|at| hour(at, 700)).collect();
    let plan = |ledger: &Ledger, plan: BillingPlan| {
        let bill = ledger.bill(&prices, &BillOptions::new()).unwrap();
        bill.plans.iter().find(|one| one.plan == plan && !one.is_infrequent_access).unwrap().throughput_nanos
    };
    // 700 a second at 70 % are 1,000 provisioned write units and one of reading: 0.65 and 0.00013 an hour.
    assert_eq!(plan(&steady, BillingPlan::Provisioned), 65_013_000_000);
    assert_eq!(plan(&steady, BillingPlan::AutoScaled), 65_013_000_000);
    assert_eq!(plan(&steady, BillingPlan::OnDemand), 700 * 3_600 * 100 * 625);
    assert!(plan(&steady, BillingPlan::Reserved(3)) < plan(&steady, BillingPlan::Reserved(1)));
    assert!(plan(&steady, BillingPlan::Reserved(1)) < plan(&steady, BillingPlan::Provisioned));
    let first = steady.bill(&prices, &BillOptions::new()).unwrap().plans[0].plan;
    assert_eq!(first, BillingPlan::Reserved(3));

    // Hours that were added up count as many as they are, each at its own peak.
    let mut folded = steady.clone();
    folded.hours.drain(..60);
    let peaks = 60 * 700 * 60_000;
    folded.hours.push(HourRow { hour_millis: None, hours: 60, write_peaks_milliunits: peaks, ..hour(0, 700) });
    assert_eq!(plan(&folded, BillingPlan::AutoScaled), 65_013_000_000);

    let mut bursty = table(resource, 100);
    bursty.ended_millis -= 1;
    bursty.hours = vec![hour(50, 700)];
    assert!(plan(&bursty, BillingPlan::AutoScaled) < plan(&bursty, BillingPlan::Provisioned));
    assert_eq!(plan(&bursty, BillingPlan::AutoScaled), 650_130_000 + 99 * 780_000);
}

#[test]
fn a_bad_file_is_refused_by_field() {
    let refusal = |text: &str| Prices::from_json(text).unwrap_err().to_string();
    for (from, to, wanted) in [
        ("0.00065", "-0.00065", "provisioned_write_unit_hour"),
        ("0.00065", "\"free\"", "provisioned_write_unit_hour"),
        ("0.00065", "1e3", "provisioned_write_unit_hour"),
        ("0.00065", "0.0000000001", "nine digits"),
        ("0.00065", "99999999999999999999", "too large"),
        ("\"currency\"", "\"curency\"", "curency"),
        ("\"hours_per_month\": 730", "\"hours_per_month\": 0", "hours_per_month"),
        ("\"years\": 1,", "\"years\": 0,", "years"),
        ("\"STANDARD.storage_gb_month\"", "\"STANDARD.storage\"", "sources[3].fields: STANDARD.storage is no price"),
        ("\"assumptions\": [", "\"assumptions\": [\"all\",", "assumptions: all is no price"),
    ] {
        let text = PRICES.replacen(from, to, 1);
        assert_ne!(text, PRICES, "{from}");
        assert!(refusal(&text).contains(wanted), "{wanted}: {}", refusal(&text));
    }
    assert!(refusal("{}").contains("region"));
    let prices = Prices::from_json(PRICES).unwrap();
    let options = BillOptions { utilization_percent: 10, ..BillOptions::new() };
    let error = Ledger::default().bill(&prices, &options).unwrap_err();
    assert!(error.to_string().contains("bill.utilization_percent"));
}
