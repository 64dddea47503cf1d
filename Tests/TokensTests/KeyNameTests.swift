import Testing
import Tokens

struct KeyNameTests {
  @Test func isTheSameForTheSameIdOnly() {
    let one = KeyName.hash(Array("one".utf8).span)
    let again = KeyName.hash(Array("one".utf8).span)
    let two = KeyName.hash(Array("two".utf8).span)
    let empty = KeyName.hash([UInt8]().span)
    #expect(one == again && one != two && one != empty)
    #expect(![one, two, empty].contains(KeyName.none))
  }
}
