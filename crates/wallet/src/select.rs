//! Which coins a payment spends: branch and bound for a payment without change, else a single
//! random draw, as Bitcoin Core has them (Murch 2016; Core's `SelectCoinsBnB`, `SelectCoinsSRD`).

use crypto::entropy::{Entropy, EntropyError, random_below};
use primitives::amount::Amount;

/// Tries of branch and bound.
const TRIES: usize = 100_000;

/// What selection aims for.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Outputs and the fee of everything but inputs and change.
    pub amount: Amount,
    /// What may be left over without change: what making and spending change would cost.
    pub tolerance: Amount,
    /// What a change output must hold at least, its own fee included.
    pub change: Amount,
}

/// Indices of the coins chosen; `values` are what coins bring after the fee for spending them.
/// None when all of them together do not do.
pub fn select(
    values: &[Amount],
    target: Target,
    entropy: &mut dyn Entropy,
) -> Result<Option<Vec<usize>>, EntropyError> {
    let useful: Vec<usize> = (0..values.len()).filter(|at| values[*at] > Amount::ZERO).collect();
    let sum: Amount = useful.iter().map(|at| values[*at]).sum();
    if sum < target.amount {
        return Ok(None);
    }
    if let Some(exact) = branch_and_bound(values, &useful, target) {
        return Ok(Some(exact));
    }
    draw(values, useful, target, entropy).map(Some)
}

/// As few coins as do, the largest first: for payments that would weigh too much otherwise.
pub fn fewest(values: &[Amount], target: Target) -> Vec<usize> {
    let wanted = target.amount.saturating_add(target.change);
    let mut order: Vec<usize> = (0..values.len()).filter(|at| values[*at] > Amount::ZERO).collect();
    order.sort_by_key(|at| std::cmp::Reverse(values[*at]));
    let mut sum = Amount::ZERO;
    let enough = order.iter().position(|at| {
        sum = sum.saturating_add(values[*at]);
        sum >= wanted
    });
    order.truncate(enough.map_or(order.len(), |last| last + 1));
    order
}

/// The set that leaves least over, if one leaves no more than is tolerated.
fn branch_and_bound(values: &[Amount], useful: &[usize], target: Target) -> Option<Vec<usize>> {
    let mut order = useful.to_vec();
    order.sort_by_key(|at| (std::cmp::Reverse(values[*at]), *at));
    let mut rest = vec![Amount::ZERO; order.len() + 1];
    for (place, at) in order.iter().enumerate().rev() {
        rest[place] = rest[place + 1].saturating_add(values[*at]);
    }
    let most = target.amount.saturating_add(target.tolerance);
    let mut best: Option<(Amount, Vec<usize>)> = None;
    let mut taken: Vec<usize> = Vec::new();
    let (mut sum, mut place) = (Amount::ZERO, 0usize);
    for _ in 0..TRIES {
        let hopeless = sum.saturating_add(rest[place.min(order.len())]) < target.amount;
        let done = sum >= target.amount;
        if done && sum <= most && best.as_ref().is_none_or(|(least, _)| sum < *least) {
            best = Some((sum, taken.clone()));
            if sum == target.amount {
                break;
            }
        }
        if done || hopeless || place >= order.len() {
            // Back to the last coin taken, and on without it; coins of the same value after it
            // would only repeat what was tried.
            let Some(last) = taken.pop() else { break };
            let value = values[order[last]];
            sum = sum.saturating_sub(value);
            place = last + 1;
            while place < order.len() && values[order[place]] == value {
                place += 1;
            }
            continue;
        }
        taken.push(place);
        sum = sum.saturating_add(values[order[place]]);
        place += 1;
    }
    best.map(|(_, taken)| taken.into_iter().map(|place| order[place]).collect())
}

/// Coins in random order until they do, with change where it can be had.
fn draw(
    values: &[Amount],
    mut order: Vec<usize>,
    target: Target,
    entropy: &mut dyn Entropy,
) -> Result<Vec<usize>, EntropyError> {
    let wanted = target.amount.saturating_add(target.change);
    let (mut sum, mut count) = (Amount::ZERO, 0);
    while count < order.len() && sum < wanted {
        let left = (order.len() - count) as u64;
        let other = count + random_below(entropy, left)? as usize;
        order.swap(count, other);
        sum = sum.saturating_add(values[order[count]]);
        count += 1;
    }
    order.truncate(count);
    // Coins that turn out not to be needed stay where they are.
    order.retain(|at| {
        let without = sum.saturating_sub(values[*at]);
        let spare = without >= wanted;
        if spare {
            sum = without;
        }
        !spare
    });
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::entropy::SeededEntropy;
    use proptest::prelude::*;

    #[test]
    fn an_exact_set_is_found_and_needs_no_change() {
        let target = Target { amount: Amount(1000), tolerance: Amount(5), change: Amount(100) };
        let mut entropy = SeededEntropy::new([1; 32]);
        let values = [700, 41, 300, 958, 2000].map(Amount);
        let chosen = select(&values, target, &mut entropy).expect("random").expect("enough");
        let sum: Amount = chosen.iter().map(|at| values[*at]).sum();
        assert_eq!(sum, Amount(1000), "{chosen:?}");
    }

    proptest! {
        #[test]
        fn what_is_chosen_does(
            values in proptest::collection::vec(-50i64..5000, 0..60),
            amount in 1i64..60_000,
        ) {
            let values: Vec<Amount> = values.into_iter().map(Amount).collect();
            let amount = Amount(amount);
            let target = Target { amount, tolerance: Amount(30), change: Amount(60) };
            let mut entropy = SeededEntropy::new([2; 32]);
            let sum: Amount = values.iter().filter(|v| **v > Amount::ZERO).copied().sum();
            match select(&values, target, &mut entropy).expect("random") {
                None => prop_assert!(sum < amount),
                Some(chosen) => {
                    let mut once = chosen.clone();
                    once.sort_unstable();
                    once.dedup();
                    prop_assert_eq!(once.len(), chosen.len());
                    let got: Amount = chosen.iter().map(|at| values[*at]).sum();
                    prop_assert!(got >= amount);
                }
            }
        }
    }
}
