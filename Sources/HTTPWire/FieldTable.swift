// The field lines of one head, in order.

import Bytes

/// Rows of fields that keep their storage from one head to the next.
struct FieldTable {
  /// Written by the field parser only.
  var rows: [Field] = []
  /// Bit n is set when a field with the id of raw value n is there.
  var present: UInt64 = 0

  var count: Int { rows.count }

  subscript(index: Int) -> Field { rows[index] }

  func has(_ name: FieldName) -> Bool { present & name.bit != 0 }

  func index(of name: FieldName, from start: Int) -> Int? {
    guard has(name) else { return nil }
    var index = max(start, 0)
    while index < rows.count {
      if rows[index].id == name { return index }
      index += 1
    }
    return nil
  }

  func value(of name: FieldName) -> ByteRange? {
    guard let index = index(of: name, from: 0) else { return nil }
    return rows[index].value
  }

  mutating func removeAll() {
    rows.removeAll(keepingCapacity: true)
    present = 0
  }
}

extension FieldName {
  /// The name's place in a set of names kept in one word; `FieldName` has at most 64 cases.
  var bit: UInt64 { 1 &<< UInt64(rawValue) }
}

struct HeadSearch {}
func recogniseFieldName(_ text: Span<UInt8>) -> FieldName { .other }
