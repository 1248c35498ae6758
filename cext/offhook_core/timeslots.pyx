# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Loops over PCM blocks that Python owns: timeslot order, channel order and G.711. See ``timeslots.pyi`` for the types."""

from libc.stdint cimport int16_t, uint8_t

import numpy


cdef extern from "offhook.h":
    int oh_convert(int from_law, const void *source, int to_law, void *target, int samples) nogil
    int OH_LAW_LINEAR


def demux(frame, int channels):
    """Sort octets in timeslot order (sample 0 of all channels, sample 1 ...) into rows of one channel each.

    Args:
        frame: ``samples * channels`` octets, any contiguous buffer of one dimension.
        channels: Channels in the frame, 1 or more.

    Returns:
        A new ``uint8`` array of shape ``(channels, samples)``.

    Raises:
        ValueError: The frame is not a whole number of samples of all channels.
    """
    cdef const uint8_t[::1] source = frame
    cdef Py_ssize_t samples = _whole(source.shape[0], channels)
    out = numpy.empty((channels, samples), numpy.uint8)
    if samples == 0:
        return out
    cdef uint8_t[:, ::1] target = out
    cdef Py_ssize_t c, s
    with nogil:
        for c in range(channels):
            for s in range(samples):
                target[c, s] = source[s * channels + c]
    return out


def mux(rows):
    """Sort rows of one channel each into timeslot order; the inverse of :func:`demux`.

    Args:
        rows: Octets of shape ``(channels, samples)``, C-contiguous.

    Returns:
        A new ``uint8`` array of ``samples * channels`` octets.
    """
    cdef const uint8_t[:, ::1] source = rows
    cdef Py_ssize_t channels = source.shape[0], samples = source.shape[1]
    out = numpy.empty(channels * samples, numpy.uint8)
    if channels * samples == 0:
        return out
    cdef uint8_t[::1] target = out
    cdef Py_ssize_t c, s
    with nogil:
        for s in range(samples):
            for c in range(channels):
                target[s * channels + c] = source[c, s]
    return out


def decode(octets, int law):
    """G.711 octets to 16-bit linear samples.

    Args:
        octets: Any contiguous buffer of octets of one dimension.
        law: :class:`Law` ``ALAW`` or ``ULAW``.

    Returns:
        A new ``int16`` array of the same length.

    Raises:
        ValueError: The law is unknown or not one of octets.
    """
    cdef const uint8_t[::1] source = octets
    cdef Py_ssize_t samples = source.shape[0]
    _check(law, samples)
    out = numpy.empty(samples, numpy.int16)
    if samples == 0:
        return out
    cdef int16_t[::1] target = out
    with nogil:
        oh_convert(law, &source[0], OH_LAW_LINEAR, &target[0], <int>samples)
    return out


def encode(linear, int law):
    """16-bit linear samples to G.711 octets.

    Args:
        linear: Any contiguous buffer of 16-bit samples of one dimension.
        law: :class:`Law` ``ALAW`` or ``ULAW``.

    Returns:
        A new ``uint8`` array of the same length.

    Raises:
        ValueError: The law is unknown or not one of octets.
    """
    cdef const int16_t[::1] source = linear
    cdef Py_ssize_t samples = source.shape[0]
    _check(law, samples)
    out = numpy.empty(samples, numpy.uint8)
    if samples == 0:
        return out
    cdef uint8_t[::1] target = out
    with nogil:
        oh_convert(OH_LAW_LINEAR, &source[0], law, &target[0], <int>samples)
    return out


cdef Py_ssize_t _whole(Py_ssize_t octets, int channels) except -1:
    if channels < 1:
        raise ValueError(f"channels must be 1 or more, not {channels}")
    if octets % channels:
        raise ValueError(f"a frame of {channels} channels cannot have {octets} octets: not a multiple")
    return octets // channels


cdef int _check(int law, Py_ssize_t samples) except -1:
    if law < 0 or law >= OH_LAW_LINEAR:
        raise ValueError(f"law must be Law.ALAW (0) or Law.ULAW (1), not {law}")
    if samples > 0x7fffffff:
        raise ValueError(f"at most {0x7fffffff} samples at once, not {samples}")
    return 0
