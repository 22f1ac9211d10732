//! What a run prints.

use serde_json::{Value, json};

use crate::pair::median;

/// The repeats of one case.
pub(crate) struct Row {
    group: &'static str,
    pub(crate) name: &'static str,
    ns_min: f64,
    ns_median: f64,
    ns_max: f64,
    /// In the order in which they were taken.
    samples: Vec<f64>,
}

impl Row {
    pub(crate) fn new(group: &'static str, name: &'static str, samples: Vec<f64>) -> Row {
        let mut sorted = samples.clone();
        let ns_median = median(&mut sorted);
        Row {
            group,
            name,
            ns_min: sorted[0],
            ns_median,
            ns_max: sorted[sorted.len() - 1],
            samples,
        }
    }

    /// The median of the ratios of the pairs that were taken one after the other.
    pub(crate) fn ratio_to(&self, baseline: &Row) -> f64 {
        let pairs = self.samples.iter().zip(&baseline.samples);
        median(&mut pairs.map(|(own, base)| own / base).collect::<Vec<_>>())
    }

    /// The least, the median and the most.
    pub(crate) fn spread(&self) -> [f64; 3] {
        [self.ns_min, self.ns_median, self.ns_max]
    }

    fn ratios<'a>(&'a self, rows: &'a [Row]) -> impl Iterator<Item = (&'static str, f64)> + 'a {
        rows.iter()
            .filter(|base| base.group == self.group && base.name != self.name)
            .map(|base| (base.name, self.ratio_to(base)))
    }
}

pub(crate) fn print(rows: &[Row], repeats: u32) {
    println!(
        "ns per operation, {repeats} interleaved repeats; a ratio is the median over the repeats' pairs\n"
    );
    println!(
        "{:<22} {:<28} {:>8} {:>8} {:>8}   ratio to",
        "", "", "min", "median", "max"
    );
    for row in rows {
        let ratios: Vec<String> = row
            .ratios(rows)
            .map(|(name, ratio)| format!("{name} {ratio:.2}"))
            .collect();
        println!(
            "{:<22} {:<28} {:>8.1} {:>8.1} {:>8.1}   {}",
            row.group,
            row.name,
            row.ns_min,
            row.ns_median,
            row.ns_max,
            ratios.join(", ")
        );
    }
}

pub(crate) fn json(rows: &[Row], repeats: u32) -> Value {
    let cases: Vec<Value> = rows
        .iter()
        .map(|row| {
            let ratios: serde_json::Map<String, Value> = row
                .ratios(rows)
                .map(|(name, ratio)| (name.to_owned(), ratio.into()))
                .collect();
            json!({
                "group": row.group,
                "name": row.name,
                "ns_min": row.ns_min,
                "ns_median": row.ns_median,
                "ns_max": row.ns_max,
                "ratio_to": ratios,
            })
        })
        .collect();
    json!({ "repeats": repeats, "cases": cases })
}
