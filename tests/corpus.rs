// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The fuzz targets on what the fuzzer has found worth keeping, without a fuzzer.

mod fuzzed;
mod simulated;

use std::fs;
use std::path::Path;

#[test]
fn the_fuzz_targets_pass_on_their_corpora() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, _) in fuzzed::TARGETS {
        assert!(fuzz.join(format!("fuzz_targets/{name}.rs")).exists());
        let corpus = fs::read_dir(fuzz.join("corpus").join(name)).expect("a corpus");
        let mut inputs = 0;
        for entry in corpus {
            let path = entry.expect("an entry").path();
            // If this one fails, its name is the last that was printed.
            println!("{}", path.display());
            fuzzed::run(name, &fs::read(path).expect("an input"));
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus of {name} is empty");
    }
    let targets = fs::read_dir(fuzz.join("fuzz_targets")).expect("the targets");
    assert_eq!(targets.count(), fuzzed::TARGETS.len(), "each has a corpus");
}
