import Testing

@testable import Proxy

private final class Item {}

@Suite struct SlotTableTests {
  @Test func findsOnlyWhatTheTokenWasMadeFor() {
    let table = SlotTable<Item>(kind: .client)
    let first = table.reserve()
    let item = Item()
    table.fill(first, item)
    #expect(table.find(first) === item)
    #expect(table.count == 1)
    table.remove(first)
    #expect(table.find(first) == nil)
    #expect(table.count == 0)
    let second = table.reserve()
    table.fill(second, Item())
    #expect(Token.slot(second) == Token.slot(first), "the slot is used again")
    #expect(second != first, "but under another token")
    #expect(table.find(first) == nil)
  }

  @Test func removingTwiceHarmsNobody() {
    let table = SlotTable<Item>(kind: .upstream)
    let token = table.reserve()
    table.fill(token, Item())
    table.remove(token)
    table.remove(token)
    let next = table.reserve()
    table.fill(next, Item())
    let other = table.reserve()
    table.fill(other, Item())
    #expect(Token.slot(next) != Token.slot(other))
  }

  @Test func refusesForeignTokens() {
    let table = SlotTable<Item>(kind: .client)
    let token = table.reserve()
    table.fill(token, Item())
    let foreign = [
      Token.make(.upstream, slot: Token.slot(token)), Token.make(.client, slot: 7),
      Token.make(.client, generation: 1, slot: Token.slot(token)), 0, UInt64.max,
    ]
    for candidate in foreign { #expect(table.find(candidate) == nil) }
  }

  @Test func generationsWrapAround() {
    let table = SlotTable<Item>(kind: .client)
    var last: UInt64 = 0
    for _ in 0..<70_000 {
      last = table.reserve()
      table.fill(last, Item())
      table.remove(last)
    }
    #expect(Token.kind(last) == .client)
    #expect(table.slotCount == 1)
  }
}
