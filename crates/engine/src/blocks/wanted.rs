//! Blocks that a suspended command wants.

use std::collections::BTreeMap;

use super::error::ReadError;
use super::frame::Spot;
use super::place::Place;

/// How many bytes of neighbouring blocks are read at a time.
const READ_BYTES_MAX: usize = 1 << 20;
/// Which part of the shelf one command's blocks may take, packed; unpacked they are longer.
const SHELF_PART: usize = 8;
/// How many bytes between two blocks are rather read than skipped.
const GAP_BYTES_MAX: u64 = 4096;

/// Blocks that a suspended command wants; nothing is read until [`Wanted::load`].
#[derive(Debug)]
pub struct Wanted {
    places: Vec<Place>,
}

impl Wanted {
    pub(crate) fn new(places: Vec<Place>) -> Option<Wanted> {
        (!places.is_empty()).then_some(Wanted { places })
    }

    /// Returns how many blocks there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns where the first of them lies: the one that the command could not do without.
    pub fn first(&self) -> Option<Spot> {
        self.places.first().map(Place::spot)
    }

    /// Returns where a block would lie that was written behind the last of them.
    pub fn end(&self) -> Option<Spot> {
        let last = self.places.last()?;
        let offset = last.offset().saturating_add(last.stored_len());
        Some(Spot { offset, ..last.spot() })
    }

    /// Reads them, so that the command finds them when it runs once more. What cannot be read it
    /// finds out as well.
    ///
    /// Called where waiting for the disk holds nobody up.
    pub fn load(mut self) {
        self.places.retain(|place| !place.file().shelf().has(place));
        self.keep_what_fits();
        let mut contents = BTreeMap::new();
        read(self.places.clone(), |place, content| {
            contents.insert(place.spot(), content);
        });
        // What lies on the shelf longest goes first, so what is wanted first comes last.
        for place in self.places.iter().rev() {
            let content = contents.remove(&place.spot());
            content.into_iter().for_each(|content| place.file().shelf().put(place, content));
        }
    }

    /// Drops the last ones where all together would hardly find room on the shelf.
    fn keep_what_fits(&mut self) {
        let Some(first) = self.places.first() else { return };
        let room = first.file().shelf().bytes_max() / SHELF_PART;
        let mut bytes = 0;
        let fitting = self.places.iter().take_while(|place| {
            bytes += place.stored_len() as usize;
            bytes <= room
        });
        let fitting = fitting.count().max(1);
        self.places.truncate(fitting);
    }
}

/// Reads blocks, those that lie near each other together.
pub(super) fn read(
    mut places: Vec<Place>,
    mut put: impl FnMut(&Place, Result<Vec<u8>, ReadError>),
) {
    places.sort_unstable_by_key(Place::spot);
    for neighbours in places.chunk_by(are_near) {
        let mut rest = neighbours;
        while let Some(first) = rest.first() {
            let begin = u64::from(first.offset());
            let fits = |place: &&Place| end_of(place) - begin <= READ_BYTES_MAX as u64;
            let count = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            read_span(now, &mut put);
            rest = later;
        }
    }
}

fn are_near(one: &Place, other: &Place) -> bool {
    let gap = u64::from(other.offset()).checked_sub(end_of(one));
    one.number() == other.number() && gap.is_some_and(|gap| gap <= GAP_BYTES_MAX)
}

fn end_of(place: &Place) -> u64 {
    u64::from(place.offset()) + u64::from(place.stored_len())
}

/// Reads blocks that lie near each other in one file.
fn read_span(places: &[Place], put: &mut impl FnMut(&Place, Result<Vec<u8>, ReadError>)) {
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
    let begin = u64::from(first.offset());
    let mut span = vec![0; usize::try_from(end_of(last) - begin).unwrap_or(0)];
    let read = first.file().read(begin, &mut span);
    for place in places {
        let content = match &read {
            Err(failure) => Err(failure.clone().into()),
            Ok(read) => {
                let start = (place.offset() - first.offset()) as usize;
                let end = (start + place.stored_len() as usize).min(*read);
                place.decode(span.get(start..end).unwrap_or_default())
            }
        };
        put(place, content);
    }
}
