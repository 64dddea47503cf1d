import Bytes
import Crypto
import Testing
import Tokens

/// Named vectors of Project Wycheproof (github.com/C2SP/wycheproof, Apache-2.0): the small ones of
/// json_web_signature_test and the key sets of json_web_key_test, taken as `token verify
/// --signature-only --jwks` takes them.
@Suite struct WycheproofTests {
  /// True when a set is taken and the signature holds.
  static func accepts(
    _ set: String, _ token: String, _ algorithms: [TokenAlgorithm]? = nil
  ) -> Bool {
    guard let realm = try? KeyForge.realm([set], algorithms: algorithms) else { return false }
    let bytes = Array(token.utf8)
    return TokenVerifier().verifySignature(bytes.span, realm: realm, nowSeconds: 0) == nil
  }

  static let hs256 =
    #"{"alg":"HS256","use":"sig","k":"-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE","#
    + #""kid":"kid-aes-sign","kty":"oct"}"#
  static let zeros =
    #"{"kty":"oct","kid":"hs256-key","use":"sig","alg":"HS256","#
    + #""k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#
  static let es256 =
    #"{"alg":"ES256","use":"sig","x":"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY","#
    + #""y":"UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw","crv":"P-256","kid":"kid-ec-sign","#
    + #""kty":"EC"}"#
  static let rs256 =
    #"{"alg":"RS256","use":"sig","e":"AQAB","kid":"kid-rsa-sign","kty":"RSA","n":""#
    + "kqGboBfAWttWPCA-0cGRgsY6SaYoIARt0B_PkaEcIq9HPYNdu9n6UuWHuuTHrjF_ZoQW97r5HaAorNvrMEGTGdxCHZdE"
    + "tkHvNVVmrtxTBLiQCbCozXhFoIrVcr3qUBrdGnNn_M3jJi7Wg7p_-x62nS5gNG875oyheRkutHsQXikFZwsN3q_TsPNO"
    + "VlCiHy8mxzaFTUQGm-X8UYexFyAivlDSjgDJLAZSWfxd7k9Gxuwa3AUfQqQcVcegmgKGCaErQ3qQbh1x7WB6iopE3_-G"
    + "Z8HMAVtR9AmrVscqYsnjhaCehfAI0iKKs8zXr8tISc0ORbaalrkk03H1ZrsEnDKEWQ\"}"
  static let ps384 =
    #"{"kty":"RSA","use":"sig","alg":"PS384","e":"AQAB","kid":"PS384_2048","n":""#
    + "zab6XKdr_gSS7Ffgo7__cnLcjR4lrR-zOKoFDwLBBOYxM9a1t8SYXruumsA2pbnAMHTWCuyOJbrzkqDEMP8FuI6UiAXT"
    + "3XRRHYiFJQp7V0IVraAVxVkHZobiU8zJbAgVsSke54fMM2O0932TDrmY18WCskzqnOId6XInkZiYY6J-vICgDeW9L5Io"
    + "d15aTOsFTVjJvjagVDNpcaE2Qt2VEN1paqJo2zqrIpnV2I-OViQ00UJwlNPfjnLR72m07TTRK6w3UiOyolzyJ_c1-Bbo"
    + "XhcjkwR2mmCCFUzRWJn8Hq77abdIo-XtJNODcll94-TionuVHWrH2xgtaAnY_1Ebfw\"}"

  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var keys: [String]
    var token: String
    var isValid: Bool

    init(_ name: String, _ keys: [String], _ token: String, isValid: Bool = false) {
      testDescription = name
      self.keys = keys
      self.token = token
      self.isValid = isValid
    }
  }

  static let macHeader = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1hZXMtc2lnbiJ9"
  static let mac = "TD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg"
  static let zeroHeader = "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9"
  static let zeroMac = "c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8"
  static let curveHeader = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0"
  static let curveGood =
    "5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrqWrte5P-pAvsE3Ve6xSyU3YDQwUHjVVOtvcrEbbnZ8yA"

  static func es(_ name: String, _ signature: String, isValid: Bool = false) -> Row {
    Row("ES256, \(name)", [es256], "\(curveHeader).Zm9v.\(signature)", isValid: isValid)
  }

  static let macs = [
    Row("acceptsValid", [hs256], "\(macHeader).Zm9v.\(mac)", isValid: true),
    Row("rejectsModifiedSignature", [hs256], "\(macHeader).Zm9v.X\(mac.dropFirst())"),
    Row("rejectsMissingSignature", [hs256], "\(macHeader).Zm9v."),
    Row("rejectsMissingSignatureAndSeparator", [hs256], "\(macHeader).Zm9v"),
    Row("rejectsModifiedPayload", [hs256], "\(macHeader).WG9v.\(mac)"),
    Row("rejectsMissingPayload", [hs256], "\(macHeader)..\(mac)"),
    Row("rejectsMissingPayloadAndSeparator", [hs256], "\(macHeader).\(mac)"),
    Row(
      "rejectsModifiedHeader", [hs256],
      "eyJhbGciOiJIUzI1NiIsImtpZCI6IlhpZC1hZXMtc2lnbiJ9.Zm9v.\(mac)"),
    Row("rejectsMissingHeader", [hs256], ".Zm9v.\(mac)"),
    Row("rejectsMissingHeaderAndSignature", [hs256], ".Zm9v."),
    Row("rejectsEmptyString", [hs256], ""),
    Row("rejectsExtraEmptyComponent", [hs256], "\(macHeader).Zm9v.\(mac)."),
    Row("rejectsExtraComponent", [hs256], "\(macHeader).Zm9v.\(mac).foo"),
    Row(
      "rejectsNoneAlgorithmAndMissingSignature", [hs256],
      "eyJhbGciOiJub25lIiwia2lkIjoia2lkLWFlcy1zaWduIn0.Zm9v."),
    Row(
      "rejectsValidJsonSerialization", [hs256],
      "{\"payload\":\"Zm9v\",\"signatures\":[{\"protected\":\"\(macHeader)\",\"header\":"
        + "{\"unknown\":\"untrustworthy\"},\"signature\":\"\(mac)\"}"),
    Row("ValidMac", [zeros], "\(zeroHeader).VGVzdA.\(zeroMac)", isValid: true),
    Row(
      "ValidEdgeCaseMac", [zeros],
      "\(zeroHeader).VDIxMzI1NjY4.AAAAtBuQqoI9HuBeAsgjL4nx8sCGYJa5-G2OrureLO4", isValid: true),
    Row(
      "ValidEdgeCaseMac", [zeros],
      "\(zeroHeader).VDgxMjM0MTM.____ETVRY0lRV9XgQeYX6ixdGT0NLHYb-wZem_ifJ5k", isValid: true),
    Row("rejectsSpacesInMac", [zeros], "\(zeroHeader).VGVzdA.    \(zeroMac)"),
    Row("rejectsInvalidCharacterInsertedInMac", [zeros], "\(zeroHeader).VGVzdA.?\(zeroMac)"),
    Row("rejectsInvalidCharacterInsertedInMac", [zeros], "\(zeroHeader).VGVzdA.\(zeroMac)?"),
    Row(
      "spacesInHeader", [zeros],
      "\(zeroHeader)    .VGVzdA.DR-cdw2cCB53b3mpzMfk2gKTeyN0PhXBrTW1atMfSdM"),
    Row(
      "invalidCharactersInHeader", [zeros],
      "\(zeroHeader)####.VGVzdA.23srvDiEYo7665_26qKv4D-0E2a149WRWH_av2ki2I4"),
    Row(
      "spacesInPayload", [zeros],
      "\(zeroHeader).    VGVzdA.AbPJgmXfihyNBUYpbdPK8qRpPjNuTE-Z_wYQyrU2lMQ"),
    Row(
      "invalidCharactersInPayload", [zeros],
      "\(zeroHeader).####VGVzdA.Ixs2CdBkk8qjqe2-hq2dobqVvv9iDcDS6gPNgoXJyFY"),
    Row(
      "InvalidCharacterInPayload", [zeros],
      "\(zeroHeader).?VGVzdA.q0zEA3Js33N6HcOFfBK875qJ_nFwSzI9SN9qJnx5sOc"),
    Row(
      "ModifiedUnusedBitsInPayload", [zeros],
      "\(zeroHeader).AB.8sL_ycV8G_D-K_2A3I0EW3NoPMeQzv13cAzuHlQ5TAE"),
    Row(
      "MacOfIncorrectlyEncodedMessage", [zeros],
      "\(zeroHeader).AB.9phoKDvkBMAqTgeVIYeqAi6-lvC0pbKg9ER--3T97w0"),
    Row(
      "ValidSpacesInJsonHeader", [zeros],
      "eyAia2lkIiA6ICJoczI1Ni1rZXkiLCAiYWxnIiA6ICJIUzI1NiIgfQ.VGVzdA."
        + "3nl1C7dKVGLfNyALp4ZKkmNFBJlFP8M9VGzCyil9S1c", isValid: true),
    Row(
      "ValidWhiteSpaceInJsonHeader", [zeros],
      "eyJraWQiOiJoczI1Ni1rZXkiLAoJImFsZyI6IkhTMjU2In0.VGVzdA."
        + "Yxn8cTl7IHpFIoEPOFrWmjm-GQlr_RMqHNJOp1ZuweY", isValid: true),
  ]

  static let signatures = [
    es("acceptsValid", curveGood, isValid: true),
    es(
      "valid with the other S",
      "5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutrppUShFwBW_Qj7IqhFOtNrIXLLKXS5CSZmERxmnjeyoiQ",
      isValid: true),
    es(
      "SignatureTooLong",
      "AOXANDh8jD-3s2plHeXPZFfhaxsXceIWxlznaZUJLra6AJau17k_6kC-wTdV7rFLJTdgNDBQeNVU629ysRtudnzI"),
    es(
      "TrailingZeros",
      "5cA0OHyMP7ezamUd5c9kV-FrGxdx4hbGXOdplQkutroAlq7XuT_qQL7BN1XusUslN2A0MFB41VTrb3KxG252fMgA"),
    es(
      "RisTooBig",
      "AeXANDd8jD-4s2plHeXPZFeeUhXFGPm1S1ChNFgFkdwLAJau17k_6kC-wTdV7rFLJTdgNDBQeNVU629ysRtudnzI"),
    es(
      "SisTooBig",
      "AOXANDh8jD-3s2plHeXPZFfhaxsXceIWxlznaZUJLra6AZau17g_6kC_wTdV7rFLJTcdGyr-H-zzcGMse95q2aIZ"),
    es(
      "rIsZero_sIsZero", String(repeating: "A", count: 86)),
    es("rIsZero_sIsOne", String(repeating: "A", count: 84) + "AQ"),
    es(
      "rIsZero_sIsN",
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD_____AAAAAP__________vOb6racXnoTzucrC_GMlUQ"),
    es(
      "rIsOne_sIsNminus1",
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAH_____AAAAAP__________vOb6racXnoTzucrC_GMlUA"),
    es(
      "rIsN_sIsN",
      "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVH_____AAAAAP__________vOb6racXnoTzucrC_GMlUQ"),
    Row(
      "rejectsSymmetryConfusionAttacks_aesKeyFromEcVerificationKeyBytes", [es256],
      "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIn0.Zm9v."
        + "TgWtz2FIRukBQ_mA5sgHa0Ybtgn7bl-YBPAi7Z0XdHU"),
    Row(
      "rejectsAttackerProvidedEmbeddedJwk", [es256],
      "eyJhbGciOiJFUzI1NiIsImtpZCI6ImtpZC1lYy1zaWduIiwiandrIjp7Imt0eSI6IkVDIiwia2lkIjoia2lkLWVjLXNp"
        + "Z24iLCJ1c2UiOiJzaWciLCJhbGciOiJFUzI1NiIsIngiOiJNZG5UWkRJaERKYmZBU2RGcWFtY3BPMkNoOUdOS0sybTBN"
        + "UWxoNDAyU3BvIiwieSI6Ijdhdko0bHFfV3l4LW5MUERCUTJZcHl0dUh5TWlvMDdCVXl2bDNqYUMtMVkiLCJjcnYiOiJQ"
        + "LTI1NiJ9fQ.Zm9v."
        + "4jmsollQD8ZxvySzXYnIEYA4fwaZi2ZbC0aI1J4LYmW2Bn31NhKdjms2N6o51Dff5-InWXQF9m45VtTexl6yjg"),
    Row(
      "RS256, acceptsValid", [rs256],
      rsaToken(
        "HUwxI1-cZrZgcuOgBQ7G7NE-GrqK79l6GV1KT4DKXnSMFwC8pfZCzE7pmLE7mYpLCIvzC87yuOjuhT0uW5oe6aaAEtR9"
          + "78cm-q8dfly45flqMrd_ifhi9GCsMlyi8dpQ42Ou1etZljFZuWjfyk8CN1c5DaHRwhqjScAPIFp6xmzKIRUJ_xdQfUSf"
          + "SlujLaixtScU518EoNP4oo1v7E8RAz6ZO4g2N4Xqs8OvSxYydcoTEg42QnLHe9JnXgI37Q5gSwinwaPsG3Ry56UYiLoL"
          + "8mCUa74S51y02VsIgVmmGWgaXjM-i_lCiKQDBiBnvWlka4XhVuvd6ZWibM9cbCPtPg"), isValid: true),
    Row(
      "RS256, lengthOfSequenceUsesLongFormEncoding", [rs256],
      rsaToken(
        "KudI1-Bo-NhWAmNYu-aEGQA3ciNp-gKgGJETRino-l25uRh9peU1GWjmFfnda0SSZK8msCFMQ-ibIZxkwC1CUjxBRNwG"
          + "1LqVtBa2mHtedT3lxKaS0nAQAzhsg0XWAEUjgnH1qtsYXknGzh-Vi_uVsu2yfPy6YhH9_8Ian984VRMzitHDzeNVcm1j"
          + "c4vcB6iFicSl4cXWSijLxJSlVkDqMi8Neb3Zw-NQI3mQIt_3Eq51MncS-1vLBr0_qdAFREXVduyb-gRzgGSrE2pMxEO4"
          + "Bbp5fvYnjaKsSdtNVvzayKwBDO418mfGzRbQyzpR2EeAFGIAkVRb_Mfh7Uil8nhBeg")),
    Row(
      "RS256, appendingNullValueToSequence", [rs256],
      rsaToken(
        "DXI8YCdiic891lC1M5wXkdRNipUFaUxGxiZ6sIcKyoEb2v4UWCr72TR5tJeMSVr1hTO63pCN59OJsscP3tz1KALFHH2x"
          + "5m9axNdluFcQHKowweZ7XOjxp5k2t9L-Z0h4FhbGUvUTH6kUu76LCKv10bR9ukXljkG1XF10q78d48KsRf62NdxlaFAf"
          + "q5CdHJajlJEpYehIDmoOvtpeHWj3ES6_eyKHwYnJxbXPYUl5VRWMx2UwLioD_z_eX8MJ9jXgFBXURqnBm8ZUiVW45T2E"
          + "Sz8fZduGa2cuQ5JSBm-uP9ihj0zf7k31jm8bOxZ_i-feziZM0kArl8dRvihD0p1uiQ")),
    Row(
      "PS384, emptyPayload", [ps384],
      "eyJhbGciOiJQUzM4NCIsImtpZCI6IlBTMzg0XzIwNDgifQ.."
        + "eyYgsZ46xa6QtuhY-au3lZtVoRBEL_4XqSaUGSo-REfePTPuxwfbSoR7QDOfISF4pV5qmot2T4IiJa3b8GITLZVnTjtU"
        + "J1GFR0a7Ea6KaEwgd2V-A9NK-uMQAuX0CzwGH2G-5XHxcPqjz7e_HDy_TJRP2ykMXnva3h5T7UpG1f5Ed6Bl-vrcbSTJ"
        + "35dciU31fZTHui06DlduX-2Us4dQddSRmmSTXNpAvpKWb6jmT8HvQgCvRErhJvD2abaa106CIrLlMNRA2VIIlS5-Oltl"
        + "_LyeKVx4PkKfiybbhMydImqosqA4QgTCcd-rrhSlJuJPRxHKRDvo47wyVGqns03ZzA", isValid: true),
  ]

  static func rsaToken(_ signature: String) -> String {
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtpZC1yc2Etc2lnbiJ9.Zm9v.\(signature)"
  }

  static let curveToken = "\(curveHeader).Zm9v.\(curveGood)"
  static let macToken = "\(macHeader).Zm9v.\(mac)"

  static func short(_ name: String, _ key: String, _ token: String, isValid: Bool = false) -> Row {
    let alg = String(name.prefix(5))
    return Row(
      name, ["{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"\(alg)\",\"k\":\"\(key)\"}"], token,
      isValid: isValid)
  }

  static let sets = [
    Row("jws_mixedSymmetryKeyset", [hs256, es256], macToken),
    Row(
      "jws_keyset", [hs256, hs256.replacing("-ebu", with: "-xbu").replacing("-sign", with: "-2")],
      macToken, isValid: true),
    Row("jws_duplicate_kid", [hs256, hs256.replacing("-ebu", with: "-xxu")], macToken),
    Row("rejectWrongUse, RSA", [rs256.replacing("\"sig\"", with: "\"enc\"")], macToken),
    Row("rejectWrongUse, EC", [es256.replacing("\"sig\"", with: "\"enc\"")], curveToken),
    Row(
      "rejectWrongKeyOps",
      [es256.replacing("\"use\":\"sig\"", with: "\"key_ops\":[\"encrypt\"]")], curveToken),
    Row("mismatchedAlgAndCurve", [es256.replacing("ES256", with: "ES521")], curveToken),
    Row("invalid_algorithm", [es256.replacing("ES256", with: "ES224")], curveToken),
    Row("invalid_point", [es256.replacing("nVgmw", with: "nVgnw")], curveToken),
    Row("wrong_curve", [es256.replacing("P-256", with: "P-384")], curveToken),
    Row("wrong_kty", [es256.replacing("\"EC\"", with: "\"RSA\"")], curveToken),
    Row("invalid_aes_gcm_key", [hs256.replacing("HS256", with: "A256GCM")], macToken),
    Row("invalid_aes_kw_key", [hs256.replacing("HS256", with: "A256KW")], macToken),
    short(
      "HS256 key_too_short", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg",
      "eyJhbGciOiJIUzI1NiIsImtpZCI6InNob3J0X2hzMjU2X2tleSJ9.Zm9v."
        + "OHXFiYUEmZcuvFx8FTvvN0fCfe8bspBX1ctB4dqcv0U"),
    short(
      "HS384 key_too_short", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4",
      "eyJhbGciOiJIUzM4NCIsImtpZCI6InNob3J0X2hzMzg0X2tleSJ9.Zm9v."
        + "TKvI_fld4zqTKPhLBgiDArC88o2Lr4XyabrrD50VJUPQGev0k_q3g2kTIgK6evi8"),
    short(
      "HS256 empty_key", "",
      "eyJhbGciOiJIUzI1NiIsImtpZCI6ImhzMjU2X2tleSJ9.Zm9v."
        + "fyLEImF-r3ro2KJGK6cE1r304rKYqPMDLOwWF7A8cn4"),
    short(
      "HS512 long_key",
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A",
      "eyJhbGciOiJIUzUxMiIsImtpZCI6ImxvbmdfaHM1MTJfa2V5In0.Zm9v."
        + "QNYWqEdHjNGYfU3_Nf-ZfwaTuW9sNCtzQCNYcp64VJJPeFzph9CsN2CbBhCa2LKTJ7xXwpZPyS3KkwqLAwy17g",
      isValid: true),
  ]

  @Test(arguments: macs + signatures + sets) func isJudgedRightly(_ row: Row) {
    let set = KeyForge.set(row.keys)
    #expect(Self.accepts(set, row.token) == row.isValid)
    // Naming the key's own algorithm changes nothing; naming another one leaves no key.
    let named = TokenAlgorithm.allCases.first { row.keys[0].contains("\"\($0.name)\"") }
    if let named {
      #expect(Self.accepts(set, row.token, [named]) == row.isValid)
      let others = TokenAlgorithm.allCases.filter { $0 != named }
      #expect(!Self.accepts(set, row.token, others))
    }
  }
}
