//! An error report as a person sees it: the machine's text, coloured where that helps.

use colored::Colorize;

use super::printable::printable;
use forth2012::error::Report;

/// The report's lines without control characters, which a name or a message could hold; the first and the caret coloured when colour is on.
pub fn render(report: &Report) -> String {
    let text = printable(&report.to_string());
    let mut lines = text.lines().map(|line| {
        let trimmed = line.trim_start();
        let is_caret = !trimmed.is_empty() && trimmed.bytes().all(|b| b == b'^');
        if is_caret { line.red().bold().to_string() } else { line.to_owned() }
    });
    let first = lines.next().unwrap_or_default();
    let mut rendered = first.bold().to_string();
    for line in lines {
        rendered.push('\n');
        rendered.push_str(&line);
    }
    rendered
}
