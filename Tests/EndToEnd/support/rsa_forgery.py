"""Damaged RSA signatures, by the recipes of Project Wycheproof: whoever has the private number can
sign any block, so that the one thing which is wrong is the padding.

Every recipe is one DER structure or one PSS block with a single change; the first of each kind is
unchanged and must be accepted, or the rest would prove nothing."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import rsa

from .tokens import b64

DIGEST_OBJECT = {
    "sha256": bytes.fromhex("0609608648016503040201"),
    "sha384": bytes.fromhex("0609608648016503040202"),
    "sha512": bytes.fromhex("0609608648016503040203"),
}


class Forger:
    """An RSA key with its numbers in hand."""

    def __init__(self, bits: int = 2048):
        numbers = rsa.generate_private_key(public_exponent=65537, key_size=bits).private_numbers()
        self.n, self.d = numbers.public_numbers.n, numbers.d
        self.size = (bits + 7) // 8

    def jwk(self, **more) -> dict:
        return {"kty": "RSA", "n": b64(self.n.to_bytes(self.size, "big")), "e": "AQAB", **more}

    def sign(self, block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(self.size, "big")

    # PKCS #1 v1.5

    def padded(self, content: bytes, start=b"\0\1", filling=b"\xff") -> bytes:
        count = self.size - len(start) - 1 - len(content)
        return start + filling * count + b"\0" + content

    def pkcs1(self, message: bytes, name: str):
        """Pairs of a comment and a signature; the first is good."""
        digest = hashlib.new(name, message).digest()
        good = digest_info(name, digest)
        yield "unchanged", self.sign(self.padded(good))
        for comment, content in damaged_structures(name, digest):
            if content != good and len(content) <= self.size - 11:
                yield comment, self.sign(self.padded(content))
        yield "no structure", self.sign(self.padded(digest))
        yield "block type 2", self.sign(self.padded(good, b"\0\2"))
        yield "block type 0", self.sign(self.padded(good, b"\0\0"))
        yield "filling of zeros", self.sign(self.padded(good, filling=b"\0"))
        yield "filling of fe", self.sign(self.padded(good, filling=b"\xfe"))
        block = bytearray(self.padded(good))
        block[3] = 0
        yield "a zero within the filling", self.sign(bytes(block))
        yield "no zero behind the filling", self.sign(
            b"\0\1" + b"\xff" * (self.size - 2 - len(good)) + good)
        short = b"\0\1" + b"\xff" * 8 + b"\0" + good
        yield "short filling, garbage behind", self.sign(short + bytes(self.size - len(short)))
        other = "sha384" if name == "sha256" else "sha256"
        yield "another hash", self.sign(
            self.padded(digest_info(other, hashlib.new(other, message).digest())))
        yield from self.lengths(self.sign(self.padded(good)))

    def lengths(self, good: bytes):
        """Changes of the number itself."""
        value = int.from_bytes(good, "big")
        for comment, number in (("0", 0), ("1", 1), ("n - 1", self.n - 1), ("n", self.n)):
            yield f"the signature is {comment}", number.to_bytes(self.size, "big")
        yield "not reduced", (value + self.n).to_bytes(self.size + 1, "big")
        yield "negative", (self.n - value).to_bytes(self.size, "big")
        yield "zeros before", b"\0\0" + good
        yield "zeros behind", good + b"\0\0"
        yield "truncated", good[:-2]
        yield "empty", b""

    # PSS

    def pss(self, message: bytes, name: str):
        """Pairs of a comment and a signature; the first three are good."""
        size = hashlib.new(name).digest_size

        def made(**changes) -> bytes:
            return self.sign(self.pss_block(message, name, **changes))

        yield "unchanged", made()
        yield "unchanged, salt of zeros", made(salt=bytes(size))
        yield "unchanged, salt of ones", made(salt=b"\xff" * size)
        for length in (0, 1, 20, size - 1, size + 1, size + 8, self.size - size - 2):
            if length != size:
                yield f"salt of {length} bytes", made(salt=bytes(length))
        for place in (0, size // 2, size - 1):
            yield f"hash, byte {place}", made(flip_hash=place)
        yield "hash of zeros", made(replace_hash=bytes(size))
        yield "hash of ones", made(replace_hash=b"\xff" * size)
        yield "trailer 00", made(trailer=b"\0")
        yield "trailer cc", made(trailer=b"\xcc")
        yield "mask by another hash", made(mask="sha1")
        for place in (0, 5, 50):
            yield f"filling, byte {place}", made(flip_filling=place)
        yield "no 01 before the salt", made(mark=b"\0")
        yield "02 before the salt", made(mark=b"\2")
        yield "salt other than hashed", made(second_salt=b"\7" * size)
        yield "first bit set", made(first_bit=True)
        other = "sha384" if name == "sha256" else "sha256"
        yield "another hash", self.sign(self.pss_block(message, other))
        yield "PKCS #1 v1.5 instead", self.sign(
            self.padded(digest_info(name, hashlib.new(name, message).digest())))
        yield from self.lengths(made())

    def pss_block(
        self, message, name, salt=None, second_salt=None, trailer=b"\xbc", mask=None, mark=b"\1",
        flip_hash=None, replace_hash=None, flip_filling=None, first_bit=False,
    ) -> bytes:
        digest = hashlib.new(name, message).digest()
        size = len(digest)
        salt = b"\5" * size if salt is None else salt
        hashed = hashlib.new(name, bytes(8) + digest + salt).digest()
        if replace_hash is not None:
            hashed = replace_hash
        if flip_hash is not None:
            hashed = flipped(hashed, flip_hash)
        salt = salt if second_salt is None else second_salt
        data = bytes(self.size - size - len(salt) - 2) + mark + salt
        if flip_filling is not None:
            data = flipped(data, flip_filling)
        masked = bytearray(
            a ^ b for a, b in zip(data, mgf1(mask or name, hashed, len(data))))
        masked[0] &= 0x7F
        block = bytes(masked) + hashed + trailer
        if first_bit:
            block = bytes([block[0] | 0x80]) + block[1:]
            # The number must stay below n, or it would be another row.
            if int.from_bytes(block, "big") >= self.n:
                block = bytes([0x80]) + block[1:]
        return block


def mgf1(name: str, seed: bytes, count: int) -> bytes:
    made = b""
    for index in range(count // hashlib.new(name).digest_size + 1):
        made += hashlib.new(name, seed + index.to_bytes(4, "big")).digest()
    return made[:count]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


# DER


def element(tag: int, content: bytes, length: bytes | None = None) -> bytes:
    if length is None:
        length = bytes([len(content)])
    return bytes([tag]) + length + content


def digest_info(name: str, digest: bytes) -> bytes:
    algorithm = element(0x30, DIGEST_OBJECT[name] + b"\5\0")
    return element(0x30, algorithm + element(4, digest))


def variants(whole: bytes):
    """One element, damaged in every way that Wycheproof names: pairs of a comment and bytes."""
    tag, count, content = whole[0], whole[1], whole[2:]

    def with_length(octets: bytes) -> bytes:
        return bytes([tag]) + octets + content

    yield "long form of the length", with_length(b"\x81" + bytes([count]))
    yield "a leading 0 in the length", with_length(b"\x82\0" + bytes([count]))
    yield "length + 1", with_length(bytes([count + 1]))
    yield "length - 1", with_length(bytes([max(0, count - 1)]))
    yield "length overflows 32 bits", with_length(b"\x85\1\0\0\0" + bytes([count]))
    yield "length overflows 64 bits", with_length(b"\x89\1" + bytes(7) + bytes([count]))
    yield "length 2^31 - 1", with_length(b"\x84\x7f\xff\xff\xff")
    yield "length 2^31", with_length(b"\x84\x80\0\0\0")
    yield "length 2^32 - 1", with_length(b"\x84\xff\xff\xff\xff")
    yield "length 2^40 - 1", with_length(b"\x85" + b"\xff" * 5)
    yield "length 2^64 - 1", with_length(b"\x88" + b"\xff" * 8)
    yield "length ff", with_length(b"\xff")
    yield "indefinite without an end", with_length(b"\x80")
    yield "indefinite length", with_length(b"\x80") + b"\0\0"
    yield "indefinite, end cut", with_length(b"\x80") + b"\0"
    yield "indefinite, end not empty", with_length(b"\x80") + b"\0\1\0"
    yield "removed", b""
    yield "tag alone", bytes([tag])
    yield "length cut", bytes([tag, 0x81])
    yield "zeros appended", element(tag, content + b"\0\0")
    yield "zeros prepended", element(tag, b"\0\0" + content)
    yield "unused zeros appended", whole + b"\0\0"
    yield "NULL appended", element(tag, content + b"\5\0")
    yield "garbage appended", element(tag, content) + b"\x49\x77\0\0"
    yield "garbage within", element(tag, b"\x49\x77" + content)
    yield "undefined tags before", b"\xaa\0\xbb\0\xcd\0" + whole
    yield "undefined tags within", element(tag, b"\xaa\2\xbb\0" + content)
    yield "composed", element(tag | 0x20, element(tag, content))
    yield "composed, indefinite", bytes([tag | 0x20, 0x80]) + element(tag, content) + b"\0\0"
    yield "composed with a wrong tag", element(tag | 0x20, element(0x31, content))
    yield "replaced by NULL", b"\5\0"
    for other in (0x2E, 0x2F, 0x31, 0x32, 0xFF, 0):
        yield f"tag {other:02x}", element(other, content)
    yield "value dropped", element(tag, b"")
    yield "twice", whole + whole
    if content:
        yield "first byte changed", element(tag, flipped(content, 0))
        yield "last byte changed", element(tag, flipped(content, len(content) - 1))
        yield "last byte cut", element(tag, content[:-1])
        yield "first byte cut", element(tag, content[1:])


def damaged_structures(name: str, digest: bytes):
    """A DigestInfo with one of its five elements damaged; those around it keep their lengths right."""
    identifier, octets = DIGEST_OBJECT[name], element(4, digest)
    algorithm = element(0x30, identifier + b"\5\0")
    for comment, bad in variants(element(0x30, algorithm + octets)):
        yield f"structure: {comment}", bad
    for comment, bad in variants(algorithm):
        yield f"algorithm: {comment}", element(0x30, bad + octets)
    for comment, bad in variants(identifier):
        yield f"identifier: {comment}", element(0x30, element(0x30, bad + b"\5\0") + octets)
    for comment, bad in variants(b"\5\0"):
        yield f"NULL: {comment}", element(0x30, element(0x30, identifier + bad) + octets)
    for comment, bad in variants(octets):
        yield f"octets: {comment}", element(0x30, algorithm + bad)
