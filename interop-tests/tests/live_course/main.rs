//! The chapter as a course: `--plan`, `--advise`, `--lab`, `--run-coverage`, and every command of
//! docs/course.md.

#![forbid(unsafe_code)]

mod coverage;
mod docs;
mod lab;
mod plan;
