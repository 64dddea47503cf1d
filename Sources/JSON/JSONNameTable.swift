// Finding a repeated name in an object of many members without comparing it to all of them.
//
// Up to `linearMaximum` names are compared one by one, which is what tokens have. Beyond that a
// 16 KiB body could hold two thousand names, and two million comparisons would make every login
// request an attack; so further names go through a hash table. Its hash is keyed, because a peer
// chooses the names.
//
// The table belongs to a reader, is made when the first large object turns up, and is reused.

import Bytes

/// Names of large objects, by keyed hash.
struct JSONNameTable {
  /// Names of an object that are compared one by one.
  static let linearMaximum = 16

  private static let key = SipKey.random()
  /// Row + 1 of a name, 0 for free. A power of two, at least twice the names a text can have.
  private var slots: [UInt32] = []
  private var isUsed = false

  /// Forgets the last text's names.
  mutating func clear() {
    guard isUsed else { return }
    for index in slots.indices { slots[index] = 0 }
    isUsed = false
  }

  /// Adds the name at `row` of the object at `container`, the innermost open one; false when the
  /// object has that name already.
  mutating func insert(
    _ row: Int, of container: Int, in text: Span<UInt8>, _ nodes: [JSONNode], nodeMaximum: Int
  ) -> Bool {
    if slots.isEmpty {
      var count = 64
      // Every name has a value, so there are at most nodeMaximum / 2 names.
      while count < nodeMaximum { count *= 2 }
      slots = Array(repeating: 0, count: count)
    }
    isUsed = true
    var hash = SipHash128(Self.key)
    hash.combine(UInt64(container))
    var bytes = UnescapedBytes(nodes[row].range)
    while let byte = bytes.next(text) { hash.combine(byte) }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash.finish().low) & mask
    // At most half of the slots are taken, so a free one ends the walk.
    while slots[slot] != 0 {
      let other = Int(slots[slot]) - 1
      // While `container` is open, the rows behind it that lie one level deeper are its members.
      if other > container, nodes[other].depth == nodes[row].depth,
        nodes.haveEqualText(other, row, in: text)
      {
        return false
      }
      slot = (slot + 1) & mask
    }
    slots[slot] = UInt32(truncatingIfNeeded: row + 1)
    return true
  }
}

extension Array where Element == JSONNode {
  /// True when two strings stand for the same bytes.
  func haveEqualText(_ left: Int, _ right: Int, in text: Span<UInt8>) -> Bool {
    if !self[left].isSpecial, !self[right].isSpecial {
      return text.slice(self[left].range).equals(text.slice(self[right].range))
    }
    var leftBytes = UnescapedBytes(self[left].range)
    var rightBytes = UnescapedBytes(self[right].range)
    while let byte = leftBytes.next(text) {
      if rightBytes.next(text) != byte { return false }
    }
    return rightBytes.next(text) == nil
  }
}
