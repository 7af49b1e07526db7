// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The plots of docs/performance.md.

use crate::Failure;
use crate::case::{Case, Peer};
use crate::cases::{Entry, Group, ONE_RING, rings};
use crate::figures::{BOTH, P50, P99, PRODUCER, RATE, READER};
use crate::results::{Figure, Results};
use crate::statistics::Spread;
use crate::tables::{MANY_RINGS, SATURATED};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;
use std::path::Path;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 40, 40);

fn color(peer: Peer) -> RGBColor {
    match peer {
        Peer::Libbpf | Peer::LibbpfAgain => RGBColor(90, 90, 90),
        Peer::LibbpfRs => RGBColor(165, 165, 165),
        Peer::Aya => RGBColor(224, 130, 20),
        Peer::Rbshim | Peer::RbshimSettles | Peer::RbshimUnaware => RGBColor(20, 100, 190),
        Peer::RbshimCoalesce => RGBColor(40, 160, 110),
        Peer::RbshimBusy => RGBColor(150, 90, 180),
        Peer::Alone => RGBColor(215, 215, 215),
    }
}

fn label(peer: Peer) -> &'static str {
    match peer {
        Peer::RbshimCoalesce => "rbshim, window of 100 us",
        Peer::RbshimBusy => "rbshim, busy polling",
        Peer::Alone => "producer alone (limit)",
        _ => peer.name(),
    }
}

/// Draws all of them into a folder.
pub fn draw(results: &Results, entries: &[Entry], folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    throughput(results, entries, &folder.join("throughput.svg"))?;
    let rings = Lines {
        results,
        entries: filled_in_batches(entries),
        peers: &MANY_RINGS,
        x: |case| case.rings.into(),
        x_description: "rings, filled by turns",
        ticks: &[1.0, 4.0, 16.0, 64.0],
    };
    rings.draw(
        &folder.join("rings.svg"),
        &[(
            "Throughput at saturation, batches of 500",
            "million records per second",
            RATE,
        )],
    )?;
    let rates = entries.iter().filter(|it| it.group == Group::Rates);
    let lines = Lines {
        results,
        entries: rates.collect(),
        peers: &AT_RATES,
        x: |case| case.rate,
        x_description: "records offered per second",
        ticks: &[1e3, 1e4, 1e5, 1e6],
    };
    lines.draw(
        &folder.join("producer.svg"),
        &[("Producer: time for each record", "ns per record", PRODUCER)],
    )?;
    lines.draw(
        &folder.join("latency.svg"),
        &[
            ("Latency, median", "us", P50),
            ("Latency, 99th percentile", "us", P99),
        ],
    )?;
    lines.draw(
        &folder.join("cpu.svg"),
        &[
            ("CPU of the reader", "ns per record", READER),
            ("CPU of both sides", "ns per record", BOTH),
        ],
    )
}

fn throughput(results: &Results, entries: &[Entry], path: &Path) -> Result<(), Failure> {
    let peers = SATURATED;
    let cases: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.group == Group::Saturation)
        .collect();
    let value = |entry: &Entry, peer| results.figure(&entry.name, peer, RATE);
    let highest = cases
        .iter()
        .flat_map(|entry| peers.iter().filter_map(|peer| value(entry, *peer)))
        .fold(1.0, |highest: f64, spread| highest.max(spread.most));

    let area = SVGBackend::new(path, (980, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Throughput at saturation", (FONT, 20, &INK))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..cases.len() as f64, 0.0..highest * 1.2)?;
    let name = |x: &f64| {
        let index = *x as usize;
        let middle = (x.fract() - 0.5).abs() < 0.01;
        match cases.get(index) {
            Some(entry) if middle => entry.name.clone(),
            _ => String::new(),
        }
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(cases.len() * 2 + 1)
        .x_label_formatter(&name)
        .y_desc("million records per second")
        .label_style((FONT, 13, &INK))
        .draw()?;
    let width = 0.86 / peers.len() as f64;
    for (turn, peer) in peers.into_iter().enumerate() {
        let left = |index: usize| index as f64 + 0.07 + width * turn as f64;
        let bars = cases
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| Some((left(index), value(entry, peer)?)));
        let style = color(peer).filled();
        chart
            .draw_series(bars.clone().map(|(left, spread)| {
                Rectangle::new([(left, 0.0), (left + width * 0.92, spread.median)], style)
            }))?
            .label(label(peer))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], style));
        chart.draw_series(bars.clone().map(|(left, spread)| {
            let middle = left + width * 0.46;
            PathElement::new(
                [(middle, spread.least), (middle, spread.most)],
                INK.mix(0.6),
            )
        }))?;
        let font = (FONT, 11).into_font().color(&INK);
        chart.draw_series(bars.map(|(left, spread)| {
            let text = match spread.median {
                10.0.. => format!("{:.0}", spread.median),
                _ => format!("{:.1}", spread.median),
            };
            Text::new(text, (left, spread.most + highest * 0.035), font.clone())
        }))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font((FONT, 13, &INK))
        .draw()?;
    Ok(area.present()?)
}

/// Who is shown at offered rates.
const AT_RATES: [Peer; 5] = [
    Peer::Libbpf,
    Peer::Aya,
    Peer::Rbshim,
    Peer::RbshimCoalesce,
    Peer::RbshimBusy,
];

/// One ring, and many that are filled by turns, otherwise alike.
fn filled_in_batches(entries: &[Entry]) -> Vec<&Entry> {
    let many = rings::FILLED.map(|rings| rings::name(rings, rings::Calls::Batches, false));
    let wanted = |entry: &&Entry| entry.name == ONE_RING || many.contains(&entry.name);
    let mut found: Vec<&Entry> = entries.iter().filter(wanted).collect();
    found.sort_by_key(|entry| entry.case.rings);
    found
}

/// Figures against something that the cases differ in.
struct Lines<'a> {
    results: &'a Results,
    entries: Vec<&'a Entry>,
    peers: &'a [Peer],
    x: fn(&Case) -> f64,
    x_description: &'a str,
    ticks: &'a [f64],
}

impl Lines<'_> {
    /// Panels side by side: title, unit, figure.
    fn draw(&self, path: &Path, panels: &[(&str, &str, Figure)]) -> Result<(), Failure> {
        let size = (if panels.len() > 1 { 980 } else { 640 }, 430);
        let area = SVGBackend::new(path, size).into_drawing_area();
        area.fill(&WHITE)?;
        let parts = area.split_evenly((1, panels.len()));
        for (index, (part, panel)) in parts.iter().zip(panels).enumerate() {
            self.panel(part, panel, index == 0)?;
        }
        Ok(area.present()?)
    }

    fn points(&self, peer: Peer, figure: Figure) -> Vec<(f64, Spread)> {
        let cases = self.entries.iter();
        cases
            .filter_map(|entry| {
                let spread = self.results.figure(&entry.name, peer, figure)?;
                Some(((self.x)(&entry.case), spread))
            })
            .collect()
    }

    fn panel(
        &self,
        area: &Area,
        (title, unit, figure): &(&str, &str, Figure),
        legend: bool,
    ) -> Result<(), Failure> {
        let of = |peer: &Peer| (*peer, self.points(*peer, *figure));
        let lines: Vec<_> = self.peers.iter().map(of).collect();
        let all = || lines.iter().flat_map(|(_, points)| points);
        let places = range(all().map(|point| point.0), 1.25);
        let mut values = range(all().map(|point| point.1.median), 1.6);
        if legend {
            // It stands below all lines.
            values.start /= (values.end / values.start).powf(0.5);
        }
        let mut chart = ChartBuilder::on(area)
            .caption(title, (FONT, 18, &INK))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(62)
            .build_cartesian_2d(
                places.log_scale().with_key_points(self.ticks.to_vec()),
                values.clone().log_scale(),
            )?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.x_description)
            .y_desc(*unit)
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .label_style((FONT, 13, &INK))
            .draw()?;
        for (peer, points) in &lines {
            let medians = points.iter().map(|(x, spread)| (*x, spread.median));
            let style = color(*peer).stroke_width(if *peer == Peer::Rbshim { 3 } else { 2 });
            chart
                .draw_series(LineSeries::new(medians, style))?
                .label(label(*peer))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
            let dot = |(x, spread): &(f64, Spread)| {
                Circle::new((*x, spread.median), 3, color(*peer).filled())
            };
            chart.draw_series(points.iter().map(dot))?;
            // From the least to the most, as far as the picture goes.
            let bar = |(x, spread): &(f64, Spread)| {
                let ends = [spread.least.max(values.start), spread.most.min(values.end)];
                PathElement::new(ends.map(|y| (*x, y)), color(*peer).mix(0.6))
            };
            chart.draw_series(points.iter().map(bar))?;
        }
        if legend {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::LowerLeft)
                .background_style(WHITE.mix(0.85))
                .label_font((FONT, 13, &INK))
                .draw()?;
        }
        Ok(())
    }
}

/// From the least to the most, and so many times more on both sides.
fn range(values: impl Iterator<Item = f64> + Clone, more: f64) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    if most == 0.0 {
        return 1.0..10.0;
    }
    least / more..most * more
}

fn short(value: &f64) -> String {
    match *value {
        1e6.. => format!("{}M", value / 1e6),
        1e3.. => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}
