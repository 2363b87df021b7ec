//! A scope's body may borrow from its surroundings; what it starts may not.

#[tokio::main]
async fn main() {
    let words = vec![String::from("one"), String::from("two")];
    tenure::scope(async |scope| {
        println!("{}", words.len());
        scope.task(async { println!("{}", words.len()) })?;
        Ok(())
    })
    .await
    .unwrap();
}
