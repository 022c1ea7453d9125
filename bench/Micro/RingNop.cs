using BenchmarkDotNet.Attributes;
using Harness.Io;

namespace Harness.Micro;

/// <summary>
/// A ring's own cost: entries that do nothing are prepared, handed over in one call and taken from the completion queue. The time is that of one entry.
/// </summary>
public class RingNop : IDisposable
{
    private const int Entries = 128;

    private Ring _ring = null!;

    /// <summary>Entries to a call of io_uring_enter(2).</summary>
    [Params(1, 2, 4, 8, 16, 32, 64, 128)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _ring = new Ring(new RingOptions { Entries = Entries });
        _ring.Enable();
        _ring.RegisterRingFd();
    }

    [GlobalCleanup]
    public void Dispose() => _ring.Dispose();

    [Benchmark(OperationsPerInvoke = Entries)]
    public ulong SubmitAndComplete()
    {
        ulong sum = 0;
        for (int done = 0; done < Entries; done += Batch)
        {
            for (int i = 0; i < Batch; i++)
            {
                _ring.PrepareNop((ulong)i);
            }

            _ring.SubmitAndWait((uint)Batch);
            while (_ring.TryTake(out Cqe completion))
            {
                sum += completion.UserData;
            }
        }

        return sum;
    }
}
