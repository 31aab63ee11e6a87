//! What takes too long for every run: `./test --full`.

use crate::forwards::both_ways;
use crate::support::lacks_openssh;
use tssh_interop_tests::openssh::Server;

#[test]
fn a_gibibyte_arrives_byte_for_byte_each_way() {
    if lacks_openssh("full::a_gibibyte_arrives_byte_for_byte_each_way") {
        return;
    }
    both_ways(&Server::with_lines(&[]), &[], 1 << 30);
}
