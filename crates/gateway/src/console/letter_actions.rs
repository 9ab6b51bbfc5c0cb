//! What changes dead letters. Nothing does yet: each answers that it is not implemented.

use super::ask::Ask;
use super::problem::Problem;
use super::routes::Answer;

/// `POST dead-letter`, `POST dead-letters/redrive`, `POST dead-letters/purge`, `GET jobs`, `POST jobs/stop`
pub(crate) async fn missing(_: Ask) -> Result<Answer, Problem> {
    Err(Problem::not_implemented("dead letters cannot be acted on by this version yet"))
}
