// Where a loop keeps its connections, and how an event finds its own.
//
// An event's token packs kind, generation and slot:
//
//     63        56 55                32 31                 0
//     |   kind    |    generation      |       slot        |
//
// A slot's generation changes when it is emptied, so an event or a timer of a closed connection finds
// nothing instead of its successor. Loop only.

/// What a token of the poller or the timer wheel stands for.
enum TokenKind: UInt8 {
  case listener = 1
  case client = 2
  case upstream = 3
  case mailbox = 4
  case housekeeping = 5
}

/// Packs and unpacks tokens.
enum Token {
  static func make(_ kind: TokenKind, generation: UInt32 = 0, slot: Int) -> UInt64 {
    UInt64(kind.rawValue) << 56 | UInt64(generation & 0xFF_FFFF) << 32
      | UInt64(UInt32(truncatingIfNeeded: slot))
  }

  static func kind(_ token: UInt64) -> TokenKind? {
    TokenKind(rawValue: UInt8(truncatingIfNeeded: token >> 56))
  }

  static func slot(_ token: UInt64) -> Int { Int(token & 0xFFFF_FFFF) }
}

/// Connections by slot; a token names one only while it lives there.
final class SlotTable<Element: AnyObject> {
  private let kind: TokenKind
  private var elements: [Element?] = []
  private var generations: [UInt32] = []
  private var free: [Int] = []
  /// Number of occupied slots.
  private(set) var count = 0

  init(kind: TokenKind) { self.kind = kind }

  /// One more than the highest slot ever used.
  var slotCount: Int { elements.count }

  /// Takes a free slot and returns its token; `fill` must follow before anything else is taken.
  func reserve() -> UInt64 {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
    } else {
      slot = elements.count
      elements.append(nil)
      generations.append(0)
    }
    return Token.make(kind, generation: generations[slot], slot: slot)
  }

  /// Puts an element into the slot that `reserve` returned the token of.
  func fill(_ token: UInt64, _ element: Element) {
    elements[Token.slot(token)] = element
    count += 1
  }

  /// The element that `token` was made for, or nil when it is gone.
  func find(_ token: UInt64) -> Element? {
    let slot = Token.slot(token)
    guard slot < elements.count,
      Token.make(kind, generation: generations[slot], slot: slot) == token
    else { return nil }
    return elements[slot]
  }

  /// The element in `slot`, if any: for walking over all.
  func element(at slot: Int) -> Element? { elements[slot] }

  /// Empties the slot of `token`; later events with that token find nothing.
  func remove(_ token: UInt64) {
    let slot = Token.slot(token)
    guard find(token) != nil else { return }
    elements[slot] = nil
    generations[slot] = (generations[slot] &+ 1) & 0xFF_FFFF
    free.append(slot)
    count -= 1
  }
}
