// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Each ordering, each look and each note of the reader earns its place: without it, a property fails.
//!
//! A mutant is a copy of the ring's sources in which a piece has been replaced. Its properties run in
//! a process of its own, since a deadlock ends the process.

mod common;
mod mutated;
mod mutants {
    pub mod lingering;
    pub mod mutant;
    pub mod overwriting;
    pub mod place;
    pub mod rings;
    pub mod settling;
}

use mutants::mutant::Mutant;
use mutants::place::Place;
use mutants::settling::SURVIVOR;
use mutants::{lingering, overwriting, rings, settling};
use mutated::Replacement;
use std::process::Output;
use std::sync::Mutex;
use std::thread;

fn all() -> impl Iterator<Item = &'static Mutant> {
    let mutants = settling::MUTANTS.iter().chain(lingering::MUTANTS);
    mutants.chain(rings::MUTANTS).chain(overwriting::MUTANTS)
}

#[test]
fn every_replacement_has_its_place() {
    for mutant in all().chain([&SURVIVOR]) {
        let file = common::manifest_dir().join(mutant.file);
        let source = std::fs::read_to_string(file).expect("a source");
        for (from, _) in mutant.replace {
            assert_eq!(source.matches(from).count(), 1, "{}: {from:?}", mutant.name);
        }
    }
}

/// With `RBSHIM_MUTANT`, only those with that in their names.
#[test]
fn every_mutant_is_caught() {
    let wanted = std::env::var("RBSHIM_MUTANT").unwrap_or_default();
    let chosen: Vec<_> = all().filter(|it| it.name.contains(&wanted)).collect();
    assert!(!chosen.is_empty(), "no mutant is called {wanted:?}");
    let chosen = Mutex::new(chosen.into_iter());
    let survivors = Mutex::new(Vec::new());
    // One worker for each CPU: most of the time a mutant is built, or runs, in one thread.
    let work = |place: &Place| {
        let next = || chosen.lock().expect("no panic").next();
        while let Some(mutant) = next() {
            let caught = !run(mutant, place).status.success();
            let by = if caught { mutant.caught_by } else { "SURVIVED" };
            println!("| {} | {by} |", mutant.name);
            if !caught {
                survivors.lock().expect("no panic").push(mutant.name);
            }
        }
    };
    let (_, places) = Place::all().split_first().expect("places");
    thread::scope(|scope| {
        for place in places {
            let work = &work;
            scope.spawn(move || work(place));
        }
    });
    let survivors = survivors.into_inner().expect("no panic");
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}

/// `platforms/kernels/overwrite.sh` runs them where the kernel has overwrite mode.
#[test]
#[ignore = "nothing here runs what it builds"]
fn mutants_of_overwrite_mode_are_built_with_slow_copies() {
    let slowed = Mutant {
        name: "overwriting: none, slow copies",
        replace: &[],
        ..overwriting::MUTANTS[0]
    };
    for mutant in overwriting::MUTANTS.iter().chain([&slowed]) {
        let replacements: Vec<Replacement> = mutant
            .replace
            .iter()
            .map(|&(from, to)| (mutant.file, from, to))
            .chain([overwriting::SLOWED])
            .collect();
        let library = mutated::build(mutant.name, &replacements).shared;
        println!("{}", library.display());
    }
}

#[test]
fn a_release_store_is_enough_where_the_fence_is() {
    let output = run(&SURVIVOR, &Place::all()[0]);
    assert!(output.status.success(), "{output:?}");
}

/// Runs the properties of the mutant, or the one of them that must fail.
fn run(mutant: &Mutant, place: &Place) -> Output {
    place.write_mutant(mutant);
    let built = place.test().arg("--no-run").output().expect("cargo runs");
    assert!(
        built.status.success(),
        "{} does not build:\n{}",
        mutant.name,
        String::from_utf8_lossy(&built.stderr)
    );
    let property = if mutant.caught_by.is_empty() {
        "ring::model"
    } else {
        mutant.caught_by
    };
    let mut properties = place.test();
    properties.args(["--", property, "--test-threads=1"]);
    let output = properties.output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("running 0 tests"), "no test {property}");
    output
}
