"""Time the original's method in PyTorch, for `bench.py --torch`; needs torch and faiss in an environment of its own.

    python sims/speed/original_torch.py FEATURES.npz

Reads what to do from its standard input, a word a line, and answers each with seconds, as JSON: "epoch" trains one,
"sweep" runs the 13-point test, "network" and "search" take one image.

The 512-384-256-384-512 network with batch power and AWGN, Adam 1e-4, MSE, batch 128 from a DataLoader of single
samples, then the 13-point test: batches of 256, a FAISS search and a look-up of every retrieved vector.
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
CALLS = 300  # of one image


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


class Original:
    """The network, its data and its index."""

    def __init__(self, features: str) -> None:
        arrays = np.load(features)
        self.training, self.sender = torch.from_numpy(arrays["train_x"]), torch.from_numpy(arrays["test_send_x"])
        self.link, self.index = Link(), faiss.IndexFlatL2(512)
        self.index.add(arrays["test_recv_x"])
        self.optimiser = torch.optim.Adam(self.link.parameters(), lr=1e-4)

    def epoch(self) -> float:
        """Seconds of one epoch of training."""
        self.link.train()
        loader = DataLoader(TensorDataset(self.training, torch.zeros(len(self.training))), batch_size=128, shuffle=True)
        start = time.perf_counter()
        for batch, _ in loader:
            loss = nn.functional.mse_loss(self.link(batch, float(np.random.choice([-7, -4, 0, 4, 7, 10]))), batch)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return time.perf_counter() - start

    @torch.no_grad()
    def sweep(self) -> float:
        """Seconds of the 13-point test."""
        self.link.eval()
        loader = DataLoader(TensorDataset(self.sender, torch.zeros(len(self.sender))), batch_size=256)
        start = time.perf_counter()
        for snr_db in SNR_DB:
            for batch, _ in loader:
                received = self.link(batch, snr_db)
                nn.functional.mse_loss(received, batch).item()
                nn.functional.cosine_similarity(received, batch).sum().item()
                _, ids = self.index.search(received.numpy(), 1)
                nearest = torch.from_numpy(np.array([self.index.reconstruct(int(i)) for i in ids[:, 0]]))
                nn.functional.mse_loss(received, nearest).item()
                nn.functional.cosine_similarity(received, nearest).sum().item()
        return time.perf_counter() - start

    @torch.no_grad()
    def network(self) -> float:
        """Median seconds of the network for one image, channel included."""
        self.link.eval()
        one = self.sender[:1]
        return median_s(lambda: self.link(one, 10.0).numpy())

    @torch.no_grad()
    def search(self) -> float:
        """Median seconds of the search for one image."""
        self.link.eval()
        received = self.link(self.sender[:1], 10.0).numpy()
        return median_s(lambda: self.index.search(received, 1))


def median_s(work) -> float:
    """Median of many calls, after some to warm up."""
    times = []
    for _ in range(CALLS + 30):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[30:]))


if __name__ == "__main__":
    torch.set_num_threads(2)
    original = Original(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(getattr(original, line.strip())()), flush=True)
