"""Signatures of RFC 4253, 5656, 8332 and 8709."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from wire import Fault, Reader

CURVES = {
    "ecdsa-sha2-nistp256": (ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-sha2-nistp384": (ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-sha2-nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
RSA = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}


def verify(algorithm, key_blob, signature_blob, data):
    """Raises a fault where the key did not sign the data by that algorithm."""
    key, signature = Reader(key_blob), Reader(signature_blob)
    kind, named = key.string().decode("ascii"), signature.string().decode("ascii")
    content = signature.string()
    signature.end()
    if named != algorithm:
        raise Fault("a signature by %s where %s was agreed on" % (named, algorithm))
    try:
        if algorithm == kind == "ssh-ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(key.string()).verify(content, data)
        elif algorithm in RSA and kind == "ssh-rsa":
            e, n = key.mpint(), key.mpint()
            public = rsa.RSAPublicNumbers(e, n).public_key()
            public.verify(content, data, padding.PKCS1v15(), RSA[algorithm])
        elif algorithm in CURVES and kind == algorithm:
            curve, hashed = CURVES[algorithm]
            if key.string().decode("ascii") != algorithm[len("ecdsa-sha2-") :]:
                raise Fault("a key of another curve")
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve, key.string())
            parts = Reader(content)
            public.verify(
                encode_dss_signature(parts.mpint(), parts.mpint()), data, ec.ECDSA(hashed)
            )
            parts.end()
        else:
            raise Fault("a key of type %s that signs by %s" % (kind, algorithm))
        key.end()
    except InvalidSignature:
        raise Fault("a wrong signature by %s" % algorithm) from None
