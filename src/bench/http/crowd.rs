//! Who comes, how often, and from where.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// How people behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// One after the other, each from an address of their own; when all have come, again
    Even,
    /// Each buyer asks twenty times at once
    Hammer,
    /// Everybody once, within a tenth of a second after the doors open
    Bell,
    /// Nine attempts in ten are bots': ever new buyers from 64 addresses
    Bots,
    /// One in five hangs up as soon as the question is out
    Abandon,
}

/// How often somebody who hammers asks.
const KNOCKS: u64 = 20;
/// Of so many attempts one is a person's, where there are bots.
const PERSON_ONE_IN: u64 = 10;
/// Addresses that the bots share.
const BOT_ADDRESSES: u64 = 64;
/// Of so many attempts one is given up.
const GIVEN_UP_ONE_IN: u64 = 5;

/// Who makes an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The buyer's number. Bots have those beyond the people's.
    pub(super) buyer: u64,
    /// Where it comes from, as a proxy would say.
    pub(super) address: Ipv4Addr,
    /// Whether anybody waits for the answer.
    pub(super) waits: bool,
}

/// People, how many of them, and what they do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) behaviour: Behaviour,
    pub(super) buyers: u64,
}

impl Crowd {
    /// Numbers that buyers have: below it.
    pub(super) fn numbers(self) -> u64 {
        match self.behaviour {
            Behaviour::Bots => self.buyers * 2,
            _ => self.buyers,
        }
    }

    /// Who makes the attempt of this number, counted from 0.
    pub(super) fn visitor(self, number: u64) -> Visitor {
        let Self { behaviour, buyers } = self;
        let person = |buyer| Visitor { buyer, address: home(buyer), waits: true };
        match behaviour {
            Behaviour::Even | Behaviour::Bell => person(number % buyers),
            Behaviour::Hammer => person(number / KNOCKS % buyers),
            Behaviour::Bots if number.is_multiple_of(PERSON_ONE_IN) => person(number / PERSON_ONE_IN % buyers),
            Behaviour::Bots => {
                // Below 64: fits. 192.0.2.0/24 is nobody's (RFC 5737).
                let host = u8::try_from(number % BOT_ADDRESSES).unwrap_or_default();
                let address = Ipv4Addr::new(192, 0, 2, host);
                Visitor { buyer: buyers + number % buyers, address, waits: true }
            }
            Behaviour::Abandon => Visitor { waits: !number.is_multiple_of(GIVEN_UP_ONE_IN), ..person(number % buyers) },
        }
    }

    /// Whether a buyer is a bot.
    pub(super) fn is_bot(self, buyer: u64) -> bool {
        buyer >= self.buyers
    }
}

/// An address of one's own, for the first sixteen million.
fn home(buyer: u64) -> Ipv4Addr {
    let [.., a, b, c] = buyer.to_be_bytes();
    Ipv4Addr::new(10, a, b, c)
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::collections::HashSet;

    use super::{Behaviour, Crowd, Visitor};

    fn visitors(behaviour: Behaviour, buyers: u64) -> Vec<Visitor> {
        (0..1_000).map(|number| Crowd { behaviour, buyers }.visitor(number)).collect()
    }

    #[test]
    fn an_even_crowd_comes_one_after_the_other_each_from_home() {
        let visitors = visitors(Behaviour::Even, 500);
        assert_eq!(visitors.iter().map(|visitor| visitor.buyer).collect::<HashSet<_>>().len(), 500);
        assert_eq!(visitors.iter().map(|visitor| visitor.address).collect::<HashSet<_>>().len(), 500);
        assert_eq!(visitors[0], visitors[500]);
    }

    #[test]
    fn who_hammers_asks_twenty_times_in_a_row() {
        let visitors = visitors(Behaviour::Hammer, 500);
        assert!(visitors.chunks(20).all(|own| own.iter().all(|visitor| *visitor == own[0])));
        assert_ne!(visitors[0], visitors[20]);
    }

    #[test]
    fn nine_in_ten_are_bots_that_share_addresses_and_are_ever_somebody_else() {
        let crowd = Crowd { behaviour: Behaviour::Bots, buyers: 10_000 };
        let (bots, people): (Vec<_>, Vec<_>) =
            visitors(Behaviour::Bots, 10_000).into_iter().partition(|visitor| crowd.is_bot(visitor.buyer));
        assert_eq!((bots.len(), people.len()), (900, 100));
        assert_eq!(bots.iter().map(|bot| bot.address).collect::<HashSet<_>>().len(), 64);
        assert_eq!(bots.iter().map(|bot| bot.buyer).collect::<HashSet<_>>().len(), 900);
        assert!(bots.iter().all(|bot| bot.buyer < crowd.numbers()));
    }

    #[test]
    fn one_in_five_hangs_up() {
        assert_eq!(visitors(Behaviour::Abandon, 10).iter().filter(|visitor| !visitor.waits).count(), 200);
    }
}
