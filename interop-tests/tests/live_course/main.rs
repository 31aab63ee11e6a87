//! The chapter as a course: `--plan`, `--advise`, `--lab`, `--run-coverage`; attacks; and every
//! command of the documents.

#![forbid(unsafe_code)]

mod attacks;
mod coverage;
mod docs;
mod lab;
mod plan;
