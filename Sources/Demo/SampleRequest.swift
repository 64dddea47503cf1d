// What a sample backend sees of a request and says in answer.

import Bytes
import HTTPWire
import JSON

/// A request as an application sees it.
struct SampleRequest {
  let method: HTTPWire.Method
  let path: String
  /// The bearer token, nil without one.
  let bearer: [UInt8]?
  /// The identity header that only the gateway may set.
  let userID: String?
  private let body: [UInt8]

  init(_ head: RequestHead, _ bytes: Span<UInt8>, body: [UInt8]) {
    self.body = body
    method = head.method
    path = String(lossy: bytes.slice(head.path))
    var bearer: [UInt8]?
    if let value = head.value(of: .authorization) {
      let words = String(lossy: bytes.slice(value)).split(separator: " ")
      if words.count == 2, words[0].lowercased() == "bearer" { bearer = Array(words[1].utf8) }
    }
    self.bearer = bearer
    var userID: String?
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      if bytes.slice(field.name).equalsIgnoringCase(lowercase: "x-user-id") {
        userID = String(lossy: bytes.slice(field.value))
      }
    }
    self.userID = userID
  }

  /// A text member of the JSON body, nil without one.
  func text(_ member: StaticString) -> String? {
    let document = JSONDocument()
    guard case .valid = document.parse(body.span),
      let node = document.member(member, of: 0, in: body.span)
    else { return nil }
    return document.text(node, in: body.span)
  }
}

/// An answer: a status and a JSON text.
struct SampleReply {
  let status: Int
  let body: String

  init(_ status: Int, _ body: String) {
    self.status = status
    self.body = body + "\n"
  }
}

/// A JSON object's text from names and values in order; nil values are null.
func object(_ members: KeyValuePairs<String, String?>) -> String {
  let texts = members.map { name, value in
    JSONText.quoted(name) + ":" + (value.map(JSONText.quoted) ?? "null")
  }
  return "{" + texts.joined(separator: ",") + "}"
}
