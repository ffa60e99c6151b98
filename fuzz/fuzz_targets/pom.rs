//! Any bytes as a POM that is its own parent, dependency and BOM, and as the list of its versions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sparkbake::artifact::Coordinate;
use sparkbake::error::Error;
use sparkbake::maven::{Platform, Request, Root, resolve};
use sparkbake::outside::{Index, Page, Served};
use sparkbake::problem::At;

/// Every page of the repository is this.
struct Same<'a>(&'a [u8]);

impl Index for Same<'_> {
    fn get(&self, page: &Page) -> Result<Option<Served>, Error> {
        Ok(Some(Served { bytes: self.0.to_vec(), media_type: None, url: format!("file:///{}", page.path) }))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let roots = vec![Root { coordinate: Coordinate::jar("g", "a", "1"), at: At::default() }];
    let platform = Platform { jdk: "17.0.19".to_owned(), arch: "amd64".to_owned() };
    let _ = resolve(&Request { roots, platform, ..Request::default() }, &Same(bytes));
});
