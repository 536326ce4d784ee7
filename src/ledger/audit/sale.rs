//! A sale is created, changed, opened, paused, ended.

use foldhash::{HashMap, HashMapExt};

use super::super::event::SaleDetail;
use super::super::row::EventRow;
use super::decode::{self, Nonsense, time};
use super::fold::{Fold, Item, Sale};
use super::report::Invariant;
use crate::ids::SaleNo;
use crate::offer::Phase;

impl Fold {
    pub(super) fn create_sale(&mut self, event: &EventRow<'_>) -> Result<(), Nonsense> {
        let (terms, items) = decode::detail(event)?;
        if usize::try_from(event.sale) != Ok(self.sales.len()) {
            return Err(Nonsense(format!("the new sale is number {}, not {}", self.sales.len(), event.sale)));
        }
        if items.is_empty() {
            return Err("a sale begins with an item".into());
        }
        let phase = Phase::Scheduled;
        self.declare(event, &terms, items)?;
        self.sales.push(Sale { terms, phase, hold_changed: false, buyers: HashMap::new() });
        Ok(())
    }

    pub(super) fn change_sale(&mut self, event: &EventRow<'_>) -> Result<(), Nonsense> {
        let number = self.sale_of(event)?;
        let (terms, items) = decode::detail(event)?;
        let known = &self.sales[number.index()].terms;
        if terms.id != known.id {
            return Err(Nonsense(format!("sale {} would become {}", known.id, terms.id)));
        }
        let hold_changed = terms.hold_us != known.hold_us;
        self.declare(event, &terms, items)?;
        let sale = &mut self.sales[number.index()];
        sale.hold_changed |= hold_changed;
        sale.terms = terms;
        Ok(())
    }

    fn declare(
        &mut self,
        event: &EventRow<'_>,
        terms: &SaleDetail,
        items: Vec<decode::Declared>,
    ) -> Result<(), Nonsense> {
        let next = self.items.len();
        if !items.is_empty() && terms.first_item as usize != next {
            return Err(Nonsense(format!("the first new item is number {next}, not {}", terms.first_item)));
        }
        let sale = u32::try_from(event.sale).map(SaleNo).map_err(|_| "there is no such sale")?;
        self.items.extend(items.into_iter().map(|declared| Item {
            sale,
            sku: declared.sku,
            title: declared.title,
            price: declared.price,
            stock: i64::from(declared.stock),
            held: 0,
            confirmed: 0,
        }));
        Ok(())
    }

    /// I5: a sale's phase follows its arrows, and it opens in time.
    pub(super) fn turn(&mut self, event: &EventRow<'_>, from: &[Phase], to: Phase) -> Result<(), Nonsense> {
        let number = self.sale_of(event)?;
        let sale = &mut self.sales[number.index()];
        let (phase, seq) = (sale.phase, event.seq);
        sale.phase = to;
        if !from.contains(&phase) {
            let id = &sale.terms.id;
            self.findings.note(Invariant::I5, Some(seq), || {
                format!("sale {id} turns from {} to {}, which it cannot", phase.word(), to.word())
            });
        }
        if let (Phase::Live, Some(opens_at_us)) = (to, sale.terms.opens_at_us)
            && event.at_us < opens_at_us
        {
            let id = &sale.terms.id;
            self.findings.note(Invariant::I5, Some(seq), || format!("sale {id} opens before {}", time(opens_at_us)));
        }
        Ok(())
    }
}
