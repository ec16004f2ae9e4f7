"""Reading and writing session descriptions."""

import re

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc import sdp

HEAD = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
TRANSPORT = f"a=ice-ufrag:abcd\r\na=ice-pwd:{'p' * 22}\r\n{FINGERPRINT}a=setup:actpass\r\n"
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sctp-port:5001\r\n"
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=fmtp:0 x\r\n"
)
LOCAL = sdp.Local("uuuu", "w" * 22, "CD:EF", "active", ("1 1 udp 1 127.0.0.1 9 typ host",), 65536)


def bundle(mids: str) -> str:
    return f"{HEAD}a=group:BUNDLE {mids}\r\n"


def sections(answer: str) -> list[str]:
    return re.split("(?m)^(?=m=)", answer)[1:]


def test_a_plain_offer():
    offer = sdp.parse(HEAD + DATA + TRANSPORT + "a=max-message-size:1000\r\na=candidate:x\r\n")
    assert (offer.ufrag, offer.password, offer.setup, offer.lite) == ("abcd", "p" * 22, "actpass", False)
    assert (offer.sctp_port, offer.max_message_size) == (5001, 1000)
    assert offer.fingerprints == (("sha-256", ":".join(["AB"] * 32)),)
    assert (offer.candidates, offer.bundle) == (("x",), ())


def test_what_is_absent_has_the_default_of_its_rfc():
    offer = sdp.parse(HEAD + DATA.replace("a=sctp-port:5001\r\n", "") + TRANSPORT)
    assert (offer.sctp_port, offer.max_message_size) == (5000, 65536)


def test_attributes_of_the_session_hold_for_all():
    offer = sdp.parse(HEAD + "a=ice-lite\r\n" + TRANSPORT + DATA)
    assert (offer.ufrag, offer.setup, offer.lite) == ("abcd", "actpass", True)


def test_the_first_of_the_bundle_is_the_transport():
    other = TRANSPORT.replace("abcd", "efgh")
    offer = sdp.parse(bundle("0 1") + AUDIO + other + "a=candidate:a\r\n" + DATA + TRANSPORT + "a=candidate:d\r\n")
    assert (offer.ufrag, offer.candidates, offer.tagged.mid) == ("efgh", ("a",), "0")


def test_bundle_only_sections_are_offered_though_their_port_is_0():
    data = DATA.replace("application 9", "application 0") + "a=bundle-only\r\n"
    assert sdp.parse(bundle("0 1") + AUDIO + TRANSPORT + data).data.mid == "1"


def test_the_answer_has_the_sections_of_the_offer_in_its_order():
    answer = sdp.write_answer(
        sdp.parse(bundle("1 0") + AUDIO + TRANSPORT + DATA + TRANSPORT), LOCAL, session="7", version=3
    )
    assert answer.startswith("v=0\r\no=- 7 3 IN IP4 127.0.0.1\r\n")
    assert "a=group:BUNDLE 1 0\r\n" in answer
    audio, data = sections(answer)
    assert audio.startswith("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
    assert "a=inactive" in audio
    assert "a=rtpmap:111 opus/48000/2" in audio
    assert "a=candidate" not in audio  # the other section is the group's
    assert data.startswith("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")
    assert "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n" in data
    assert all("a=ice-ufrag:uuuu" in section and "a=setup:active" in section for section in (audio, data))
    assert len(SessionDescription.parse(answer).media) == 2


@pytest.mark.parametrize(
    ("head", "other"),
    [
        (bundle("1"), AUDIO + TRANSPORT),
        (HEAD, AUDIO + TRANSPORT),
        (bundle("0 1"), AUDIO.replace("audio 9", "audio 0")),
        (bundle("0 1"), "m=image 9 udptl t38\r\na=mid:0\r\n" + TRANSPORT),
    ],
    ids=["not in the bundle", "no bundle", "switched off", "another kind"],
)
def test_what_cannot_share_the_transport_is_declined(head, other):
    offer = sdp.parse(head + other + DATA + TRANSPORT)
    declined, data = sections(sdp.write_answer(offer, LOCAL, session="1", version=1))
    assert re.match("m=(audio|image) 0 ", declined)
    assert "ice-ufrag" not in declined
    assert "a=candidate:" in data


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "v=0"),
        (HEAD, "no data channel"),
        (HEAD + AUDIO + TRANSPORT, "createDataChannel"),
        (HEAD + DATA, "ice-ufrag"),
        (HEAD + DATA + TRANSPORT.replace("setup:actpass", "setup:holdconn"), "setup"),
        (HEAD + DATA + TRANSPORT.replace("sha-256", "md5"), "fingerprint"),
        (HEAD + DATA + TRANSPORT + "a=max-message-size:1\r\n", "max-message-size"),
        (HEAD + DATA.replace("5001", "x") + TRANSPORT, "sctp-port"),
        (HEAD + DATA.replace("5001", "65536") + TRANSPORT, "sctp-port"),
        (HEAD + DATA.replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000") + TRANSPORT, "RFC 8841"),
        (HEAD + "m=what\r\n" + DATA + TRANSPORT, "m-line"),
        (HEAD + 65 * (DATA + TRANSPORT), "m-lines"),
        ("v=0\r\n" + "x" * 300_000, "characters"),
    ],
)
def test_what_is_wrong_is_said(text, hint):
    with pytest.raises(Problem, match=hint) as caught:
        sdp.parse(text)
    assert caught.value.code == "bad_sdp"


def test_as_many_candidates_as_are_of_use_are_kept():
    many = "".join(f"a=candidate:{number}\r\n" for number in range(2 * sdp.MAX_CANDIDATES))
    assert len(sdp.parse(HEAD + DATA + TRANSPORT + many).candidates) == sdp.MAX_CANDIDATES


lines = st.sampled_from((HEAD + bundle("0 1") + AUDIO + DATA + TRANSPORT).split("\r\n")) | st.text(max_size=40)


@given(st.lists(lines, max_size=40).map(lambda some: HEAD + "\r\n".join(some)) | st.text())
def test_any_text_is_answered_or_refused(text):
    try:
        offer = sdp.parse(text)
    except Problem:
        return
    answer = sdp.write_answer(offer, LOCAL, session="1", version=1)
    assert len(sections(answer)) == len(offer.media)
    assert sdp.parse(answer).sctp_port == 5000
