//! What a run has measured, as the page tells it, for the terminal.

use serde::Deserialize;

use crate::metered::Way;

/// Of one way; what is not known is not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    path: String,
    events: u64,
    requests_per_event: Option<f64>,
    bytes_per_event: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    cpu_per_event: Option<f64>,
}

/// `None` if it is no table, or one of other ways than ours.
pub fn of(json: &[u8]) -> Option<String> {
    let rows: Vec<Row> = serde_json::from_slice(json).ok()?;
    let is_ours = |row: &Row| Way::ALL.iter().any(|(_, path)| *path == row.path);
    let is_one = (1..=Way::ALL.len()).contains(&rows.len()) && rows.iter().all(is_ours);
    is_one.then(|| {
        let head = "                      events  requests   bytes   p50 ms   p99 ms   CPU µs";
        rows.iter().map(Row::line).fold(head.to_owned(), |table, line| table + "\n" + &line)
    })
}

impl Row {
    fn line(&self) -> String {
        let number = |value: Option<f64>, digits| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        format!(
            "{:<20}{:>8}{:>10}{:>8}{:>9}{:>9}{:>9}",
            self.path,
            self.events,
            number(self.requests_per_event, 2),
            number(self.bytes_per_event, 0),
            number(self.p50, 2),
            number(self.p99, 2),
            number(self.cpu_per_event, 1)
        )
    }
}
