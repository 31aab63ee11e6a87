//! What the tests of the whole of tssh stand on: real OpenSSH processes, toy services, and the
//! checks of the sources themselves.
//!
//! | module | what it gives |
//! | --- | --- |
//! | [`openssh`] | sshd, ssh-agent and ssh-keygen with keys and folders made for the run |
//! | [`tssh`] | the binaries under test, built once, and the command lines for them |
//! | [`process`], [`terminal`] | child processes that are watched, waited for and always ended |
//! | [`pair`] | a client and a server of which one is ours, and one test of each pair |
//! | [`ports`] | ports that are promised before they are bound |
//! | [`record`] | sessions with real OpenSSH, recorded for replay |
//! | [`regress`] | OpenSSH's own regression suite as judge of a client |
//! | [`services`] | real mail, web and database servers |
//! | [`sockets`] | who listens where, as the kernel has it |
//! | [`toys`], [`pattern`] | TCP services and the bytes that travel through forwards |
//! | [`mod@bench`], [`measure`] | speed and cost beside others; CPU time and memory of processes |
//! | [`chain`] | two servers in a row and an agent |
//! | [`xserver`] | a real X server without a screen |
//! | [`sim`] | a client and a server in one process, in virtual time, under seeded faults |
//! | [`hostile`] | a peer that breaks rules under valid protection, against one stack |
//! | [`citations`], [`source`] | RFC sentences quoted in the sources; the house rules |
//! | [`book`] | the chapters of the book that are made from the sources |
//! | [`fuzz`] | fuzz targets, for libFuzzer and for every test run |
//! | [`matrix`] | every other implementation of SSH that can be had, in both roles |
//! | [`hosts`] | hosts on private networks, and bad lines between them |
//! | [`marks`] | which test shows which numbered item of forwarding |
//! | [`memory`], [`secrets`] | the memory of a live process, and what must not be in it |
//! | [`skip`] | how a test says that it could not run |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bench;
pub mod book;
pub mod chain;
pub mod citations;
pub mod fuzz;
pub mod hostile;
pub mod hosts;
pub mod layout;
pub mod marks;
pub mod matrix;
pub mod measure;
pub mod memory;
pub mod openssh;
pub mod pair;
pub mod pattern;
pub mod ports;
pub mod process;
pub mod record;
pub mod regress;
pub mod scratch;
pub mod secrets;
pub mod services;
pub mod sim;
pub mod skip;
pub mod sockets;
pub mod source;
pub mod terminal;
pub mod toys;
pub mod tssh;
pub mod xserver;
