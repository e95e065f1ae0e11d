"""Tests of the hashed noise."""

import numpy as np
import pytest
from scipy import stats

from manifests.degradation.noise import noise, noise_table


@pytest.mark.parametrize("sigma", range(1, 8))
def test_the_table_is_the_rounded_gaussian(sigma):
    table = noise_table(sigma)
    values, counts = np.unique(table, return_counts=True)
    wanted = stats.norm.cdf((values + 0.5) / sigma) - stats.norm.cdf((values - 0.5) / sigma)
    np.testing.assert_allclose(counts / len(table), wanted, atol=1.01 / len(table))
    assert (table == -table[::-1]).all()
    assert table.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=1e-3)  # rounding adds 1/12


@pytest.mark.parametrize("key", [0, 1, 2**63 + 12345, 0xFFFFFFFFFFFFFFFF])
def test_noise_is_white_and_of_its_strength(key):
    field = noise(7, key, 256, 256).astype(float)
    bound = 5 / np.sqrt(field.size)
    assert abs(field.mean()) < 7 * bound
    assert field.std() == pytest.approx(np.sqrt(49 + 1 / 12), rel=2 * bound)
    for axis in range(3):
        for lag in (1, 2, 8):
            if lag < field.shape[axis]:
                near, far = np.delete(field, slice(-lag, None), axis), np.delete(field, slice(lag), axis)
                assert abs(np.corrcoef(near.ravel(), far.ravel())[0, 1]) < 1.5 * bound
    values, counts = np.unique(noise(2, key, 256, 256), return_counts=True)
    share = np.array([(noise_table(2) == value).mean() for value in values])
    usual = share * field.size > 20
    assert stats.chisquare(counts[usual], share[usual] / share[usual].sum() * counts[usual].sum()).pvalue > 1e-4


def test_keys_and_their_neighbours_give_unlike_noise():
    keys = [0, 1, 2, 1 << 32, 2 << 32, 1 << 63]
    fields = [noise(5, key, 128, 128).ravel() for key in keys]
    assert np.abs(np.corrcoef(fields) - np.eye(len(keys))).max() < 5 / np.sqrt(3 * 128 * 128)


def test_noise_of_strength_zero_is_none():
    assert not noise(0, 99, 16, 16).any()


def test_noise_never_changes_from_version_to_version():
    assert noise(7, 0x0123456789ABCDEF, 4, 4)[0, 0].tolist() == [4, -4, -4, 3]
