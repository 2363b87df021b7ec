//! Small charts, one beside the other, as SVG: a cost against what it may grow with.

use std::fmt::Write;

use super::grouped;

/// What one chart shows. Each line has a value for each of the numbers in `at`.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) at: Vec<u64>,
    pub(crate) lines: Vec<Vec<f64>>,
}

/// How a line is drawn, and what it is called.
pub(crate) struct Style {
    pub(crate) name: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) dashes: &'static str,
}

const COLUMNS: usize = 3;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 34.0;
const LEGEND: f64 = 34.0;

pub(crate) fn svg(charts: &[Chart], styles: &[Style]) -> String {
    let rows = charts.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * count(COLUMNS), HEIGHT * count(rows) + LEGEND);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    legend(&mut out, styles);
    for (index, chart) in charts.iter().enumerate() {
        let (row, column) = (index / COLUMNS, index % COLUMNS);
        let (x, y) = (WIDTH * count(column), LEGEND + HEIGHT * count(row));
        push(&mut out, &format!("<g transform=\"translate({x} {y})\">"));
        chart.draw(&mut out, styles);
        push(&mut out, "</g>");
    }
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String, styles: &[Style]) {
    for (index, style) in styles.iter().enumerate() {
        let x = LEFT + 190.0 * count(index);
        let Style {
            name,
            colour,
            dashes,
        } = style;
        push(
            out,
            &format!(
                "<path d=\"M{x} 17h26\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-dasharray=\"{dashes}\"/><text x=\"{}\" y=\"20\">{name}</text>",
                x + 32.0
            ),
        );
    }
}

impl Chart {
    fn draw(&self, out: &mut String, styles: &[Style]) {
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        push(
            out,
            &format!(
                "<text x=\"{middle}\" y=\"20\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>",
                self.title
            ),
        );
        let top = self.top();
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let y = height_of(value, top);
            push(
                out,
                &format!(
                    "<path d=\"M{LEFT} {y:.1}H{}\" stroke=\"#ddd\"/>\
                     <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
                    WIDTH - RIGHT,
                    LEFT - 6.0,
                    y + 3.0
                ),
            );
        }
        for (index, at) in self.at.iter().enumerate() {
            push(
                out,
                &format!(
                    "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    self.x_of(index),
                    HEIGHT - BOTTOM + 16.0,
                    grouped(*at)
                ),
            );
        }
        for (line, style) in self.lines.iter().zip(styles) {
            let points = line.iter().enumerate();
            let points = points.map(|(index, value)| {
                format!("{:.1},{:.1}", self.x_of(index), height_of(*value, top))
            });
            let points: Vec<_> = points.collect();
            push(
                out,
                &format!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" \
                     stroke-dasharray=\"{}\"/>",
                    points.join(" "),
                    style.colour,
                    style.dashes
                ),
            );
        }
    }

    /// The values stand at equal distances: each is about ten times the one before.
    fn x_of(&self, index: usize) -> f64 {
        let inner = WIDTH - LEFT - RIGHT - 30.0;
        LEFT + 15.0 + inner * count(index) / count(self.at.len().saturating_sub(1).max(1))
    }

    /// A round number above all values.
    fn top(&self) -> f64 {
        let most = self.lines.iter().flatten().copied().fold(1.0, f64::max);
        let unit = 10f64.powf(most.log10().floor());
        let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
        let top = steps.into_iter().map(|step| step * unit);
        top.into_iter()
            .find(|top| *top >= most)
            .unwrap_or(10.0 * unit)
    }
}

fn height_of(value: f64, top: f64) -> f64 {
    let inner = HEIGHT - TOP - BOTTOM;
    HEIGHT - BOTTOM - inner * value / top
}

fn push(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a string takes everything");
}

#[allow(clippy::cast_precision_loss, reason = "there are a few of them")]
fn count(number: usize) -> f64 {
    number as f64
}
