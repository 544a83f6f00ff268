"""Time the original's method in PyTorch, for `bench.py --torch`; needs torch and faiss in an environment of its own.

    python sims/original_torch.py FEATURES.npz

The 512-384-256-384-512 network with batch power and AWGN, Adam 1e-4, MSE, batch 128 from a DataLoader of single
samples, then the 13-point test: batches of 256, a FAISS search and a look-up of every retrieved vector; and the latency
of one image. Prints one JSON object.
"""

import json
import sys
import time

import faiss
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

K, SNR_DB = 256, [-7, -6, -5, -4, -2, 0, 2, 4, 5, 6, 7, 10, None]


class Link(nn.Module):
    """Encoder, AWGN at batch power, decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(512, 384), nn.ReLU(), nn.Linear(384, K), nn.BatchNorm1d(K))
        self.decoder = nn.Sequential(nn.Linear(K, 384), nn.ReLU(), nn.Linear(384, 512), nn.BatchNorm1d(512))

    def forward(self, features: torch.Tensor, snr_db: float | None) -> torch.Tensor:
        values = self.encoder(features)
        if snr_db is not None:
            amplitude = torch.sqrt(2 * torch.mean(values**2))
            sigma = (0.5 * 10 ** (-snr_db / 10)) ** 0.5
            values = amplitude * (values / amplitude + sigma * torch.randn_like(values))
        return self.decoder(values)


def train_epoch_s(link: Link, features: torch.Tensor) -> float:
    """Seconds of one epoch, the second, when everything is warm."""
    loader = DataLoader(TensorDataset(features, torch.zeros(len(features))), batch_size=128, shuffle=True)
    optimiser = torch.optim.Adam(link.parameters(), lr=1e-4)
    for _ in range(2):
        start = time.perf_counter()
        for batch, _ in loader:
            loss = nn.functional.mse_loss(link(batch, float(np.random.choice([-7, -4, 0, 4, 7, 10]))), batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return time.perf_counter() - start


@torch.no_grad()
def test_s(link: Link, sender: torch.Tensor, knowledge: np.ndarray) -> float:
    """Seconds of the 13-point test."""
    link.eval()
    index = faiss.IndexFlatL2(512)
    index.add(knowledge)
    loader = DataLoader(TensorDataset(sender, torch.zeros(len(sender))), batch_size=256)
    start = time.perf_counter()
    for snr_db in SNR_DB:
        for batch, _ in loader:
            received = link(batch, snr_db)
            nn.functional.mse_loss(received, batch).item()
            nn.functional.cosine_similarity(received, batch).sum().item()
            _, ids = index.search(received.numpy(), 1)
            nearest = torch.from_numpy(np.array([index.reconstruct(int(i)) for i in ids[:, 0]]))
            nn.functional.mse_loss(received, nearest).item()
            nn.functional.cosine_similarity(received, nearest).sum().item()
    return time.perf_counter() - start


@torch.no_grad()
def latency_s(link: Link, sender: torch.Tensor, knowledge: np.ndarray) -> tuple[float, float]:
    """Median seconds for one image of the network, channel included, and of the search."""
    link.eval()
    index = faiss.IndexFlatL2(512)
    index.add(knowledge)
    one = sender[:1]
    received = link(one, 10.0).numpy()

    def median(work) -> float:
        times = []
        for _ in range(330):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return float(np.median(times[30:]))

    return median(lambda: link(one, 10.0).numpy()), median(lambda: index.search(received, 1))


if __name__ == "__main__":
    torch.set_num_threads(2)
    arrays = np.load(sys.argv[1])
    link = Link()
    epoch_s = train_epoch_s(link, torch.from_numpy(arrays["train_x"]))
    thirteen_s = test_s(link, torch.from_numpy(arrays["test_send_x"]), arrays["test_recv_x"])
    network_s, search_s = latency_s(link, torch.from_numpy(arrays["test_send_x"]), arrays["test_recv_x"])
    figures = {"train_epoch_s": epoch_s, "thirteen_point_test_s": thirteen_s}
    print(json.dumps(figures | {"network_batch1_s": network_s, "search_batch1_s": search_s}))
