//! SEARCH and SEARCH EXT.

use crate::dict::{Entry, FORTH_LIST, Kind, Name, WordSet, XT_BASE, prim};
use crate::error::{Res, throw};
use crate::limits::ORDER_LISTS;
use crate::machine::Machine;

/// The table.
pub const SET: WordSet = WordSet { name: "SEARCH", words: WORDS };

static WORDS: &[Entry] = &[
    prim("forth-wordlist", "( -- wid )", "The wordlist of the standard words.", forth_wordlist),
    prim("wordlist", "( -- wid )", "Makes an empty wordlist.", wordlist),
    prim("get-order", "( -- widn ... wid1 n )", "The search order, wid1 first.", get_order),
    prim(
        "set-order",
        "( widn ... wid1 n -- )",
        "Sets the search order; -1 is the smallest.",
        set_order,
    ),
    prim("get-current", "( -- wid )", "The wordlist for new definitions.", get_current),
    prim("set-current", "( wid -- )", "Sets the wordlist for new definitions.", set_current),
    prim("definitions", "( -- )", "New definitions go to the first wordlist.", definitions),
    prim(
        "search-wordlist",
        "( c-addr u wid -- 0 | xt 1 | xt -1 )",
        "Looks in one wordlist.",
        search_wordlist,
    ),
    prim("also", "( -- )", "Doubles the first wordlist of the search order.", also),
    prim("only", "( -- )", "The smallest search order.", only),
    prim("forth", "( -- )", "FORTH becomes the first wordlist.", forth),
    prim("previous", "( -- )", "Removes the first wordlist.", previous),
    prim("order", "( -- )", "Prints the search order.", order),
    prim("vocabulary", "( \"name\" -- )", "Makes a word that puts its wordlist first.", vocabulary),
];

/// Wordlist identifiers are wordlist numbers plus one, so that zero is none.
pub fn wid_of(list: u32) -> i64 {
    i64::from(list) + 1
}

/// The wordlist of an identifier.
pub fn list_of(m: &Machine, wid: i64) -> Res<u32> {
    let list = wid.wrapping_sub(1);
    if (0..m.dict.lists() as i64).contains(&list) { Ok(list as u32) } else { Err(throw(-24)) }
}

fn forth_wordlist(m: &mut Machine) -> Res {
    m.push(wid_of(FORTH_LIST))
}

fn wordlist(m: &mut Machine) -> Res {
    let list = m.dict.new_list().ok_or(throw(-8))?;
    m.push(wid_of(list))
}

fn get_order(m: &mut Machine) -> Res {
    for at in 0..m.dict.order.len() {
        m.push(wid_of(m.dict.order[at]))?;
    }
    m.push(m.dict.order.len() as i64)
}

fn set_order(m: &mut Machine) -> Res {
    let count = m.pop()?;
    if count == -1 {
        return only(m);
    }
    if count < 0 || count > ORDER_LISTS as i64 {
        return Err(throw(if count < 0 { -50 } else { -49 }));
    }
    let mut order = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let wid = m.pop()?;
        order.push(list_of(m, wid)?);
    }
    order.reverse();
    m.dict.order = order;
    Ok(())
}

fn get_current(m: &mut Machine) -> Res {
    m.push(wid_of(m.dict.current))
}

fn set_current(m: &mut Machine) -> Res {
    let wid = m.pop()?;
    m.dict.current = list_of(m, wid)?;
    Ok(())
}

fn definitions(m: &mut Machine) -> Res {
    m.dict.current = *m.dict.order.last().ok_or(throw(-50))?;
    Ok(())
}

fn search_wordlist(m: &mut Machine) -> Res {
    let wid = m.pop()?;
    let name = m.pop_text()?;
    let list = list_of(m, wid)?;
    match m.dict.find_in(&Name::new(&name), list) {
        None => m.push(0),
        Some(word) => {
            let immediate = m.dict.get(word).is_some_and(|w| w.flags & crate::dict::IMMEDIATE != 0);
            m.push_n([XT_BASE + i64::from(word), if immediate { 1 } else { -1 }])
        }
    }
}

fn also(m: &mut Machine) -> Res {
    let first = *m.dict.order.last().ok_or(throw(-50))?;
    if m.dict.order.len() >= ORDER_LISTS {
        return Err(throw(-49));
    }
    m.dict.order.push(first);
    Ok(())
}

fn only(m: &mut Machine) -> Res {
    m.dict.order = vec![FORTH_LIST];
    Ok(())
}

/// Makes a wordlist the first of the search order.
pub fn put_first(m: &mut Machine, list: u32) -> Res {
    m.dict.order.pop();
    m.dict.order.push(list);
    Ok(())
}

fn forth(m: &mut Machine) -> Res {
    put_first(m, FORTH_LIST)
}

fn previous(m: &mut Machine) -> Res {
    if m.dict.order.pop().is_none() { Err(throw(-50)) } else { Ok(()) }
}

fn order(m: &mut Machine) -> Res {
    let mut text = String::new();
    for &list in m.dict.order.iter().rev() {
        text.push_str(&m.dict.list_name(list));
        text.push(' ');
    }
    text.push_str("   ");
    text.push_str(&m.dict.list_name(m.dict.current));
    text.push(' ');
    m.print(text.as_bytes())
}

fn vocabulary(m: &mut Machine) -> Res {
    let name = m.definition_name()?;
    let list = m.dict.new_list().ok_or(throw(-8))?;
    let word = m.define(&name, Kind::Vocabulary(list), 0)?;
    m.dict.name_list(list, word);
    Ok(())
}
