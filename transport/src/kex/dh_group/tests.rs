use super::*;
use crate::kex::finite_field::BAD_PUBLIC;
use crate::kex::finite_field::tests::beside;
use crate::kex::modp::Modp;
use crate::kex::testing::{agree, client_share, fault, respond};
use alloc::vec;

static METHODS: [(&Method, &Modp); 3] =
    [(&GROUP14_SHA256, &GROUP14), (&GROUP16_SHA512, &GROUP16), (&GROUP18_SHA512, &GROUP18)];

#[test]
fn each_method_uses_the_group_of_its_name() {
    for (method, group) in METHODS {
        let below = beside(group.p, -2);
        for (value, expected) in [
            (beside(group.p, 0), Some(BAD_PUBLIC)),
            (beside(group.p, 1), Some(BAD_PUBLIC)),
            (beside(group.p, -1), Some(BAD_PUBLIC)),
            (vec![0], Some(BAD_PUBLIC)),
            (vec![1], Some(BAD_PUBLIC)),
            (below, None),
        ] {
            assert_eq!(fault(respond(method, &value)), expected, "{}", method.name);
            assert_eq!(fault(agree(method, &value)), expected, "{}", method.name);
        }
        let share = client_share(method);
        assert!(share.len() <= group.p.len() && share.len() + 4 > group.p.len());
    }
}
