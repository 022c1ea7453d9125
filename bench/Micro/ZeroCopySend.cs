using BenchmarkDotNet.Attributes;
using Harness.Io;

namespace Harness.Micro;

/// <summary>
/// Is there a size from which a send should leave its data where it lies? The same bytes over TCP on loopback and back into memory, by send(2) and by the ring,
/// each with the kernel's copy and without (MSG_ZEROCOPY, IORING_OP_SEND_ZC), on one thread. The last line of each says how many of the sends the kernel has
/// copied all the same: between sockets of one machine all, so what is left to see is the price of the notice. Unix sockets refuse both.
/// </summary>
public class ZeroCopySend : IDisposable
{
    private const int ReceiveBytes = 256 << 10;
    private const int Eagain = -11;

    // MSG_DONTWAIT | MSG_NOSIGNAL
    private const int MessageFlags = 0x4040;

    private Ring _ring = null!;
    private NativeBuffer _memory = null!;
    private byte[] _received = null!;
    private int _from;
    private int _to;
    private long _noticed;
    private long _copied;

    /// <summary>Bytes of a message.</summary>
    [Params(4 << 10, 16 << 10, 64 << 10, 256 << 10, 2 << 20)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _ring = new Ring(new RingOptions { Entries = 8 });
        _ring.Enable();
        _memory = new NativeBuffer(Bytes, clear: true, alignment: 4096);
        _received = new byte[ReceiveBytes];
        (_from, _to) = ZeroCopySends.TcpPair();
        int error = ZeroCopySends.Enable(_from);
        if (error != 0)
        {
            throw new IoException("SO_ZEROCOPY is refused", -error);
        }
    }

    [GlobalCleanup]
    public void Dispose()
    {
        if (_noticed > 0)
        {
            Console.WriteLine($"// {Bytes} bytes: of {_noticed} zero-copy sends the kernel copied {_copied} all the same");
        }

        _ring.Dispose();
        Sockets.CloseUnused(_from);
        Sockets.CloseUnused(_to);
        _memory.Dispose();
    }

    /// <summary>send(2).</summary>
    [Benchmark(Baseline = true)]
    public int Send() => Exchange(zeroCopy: false);

    /// <summary>send(2) with MSG_ZEROCOPY, and its notices from the error queue.</summary>
    [Benchmark]
    public int SendZeroCopy() => Exchange(zeroCopy: true);

    /// <summary>IORING_OP_SEND.</summary>
    [Benchmark]
    public int RingSend() => ExchangeByRing(zeroCopy: false);

    /// <summary>IORING_OP_SEND_ZC, and its second completions.</summary>
    [Benchmark]
    public int RingSendZeroCopy() => ExchangeByRing(zeroCopy: true);

    private int Exchange(bool zeroCopy)
    {
        int received = 0;
        int unnoticed = 0;
        for (int sent = 0; sent < Bytes;)
        {
            int taken = ZeroCopySends.Send(_from, _memory.Slice(sent, Bytes - sent), zeroCopy);
            sent += Taken(taken);
            unnoticed += zeroCopy && taken > 0 ? 1 : 0;
            received += Receive();
        }

        while (received < Bytes || unnoticed > 0)
        {
            received += Receive();
            while (unnoticed > 0 && ZeroCopySends.TakeNotice(_from, out bool copied) is var sends and > 0)
            {
                unnoticed -= sends;
                Noticed(sends, copied);
            }
        }

        return received;
    }

    private int ExchangeByRing(bool zeroCopy)
    {
        int received = 0;
        for (int sent = 0; sent < Bytes;)
        {
            nint from = _memory.Slice(sent, Bytes - sent).Address;
            _ = zeroCopy
                ? _ring.PrepareSendZeroCopy(_from, from, (uint)(Bytes - sent), MessageFlags, 0)
                : _ring.PrepareSend(_from, from, (uint)(Bytes - sent), MessageFlags, 0);
            Cqe completion = Wait();
            sent += Taken(completion.Result);
            received += Receive();
            if (completion.HasMore)
            {
                Noticed(1, (Wait().Result & Ring.ZeroCopyCopied) != 0);
            }
        }

        while (received < Bytes)
        {
            received += Receive();
        }

        return received;
    }

    private Cqe Wait()
    {
        Cqe completion;
        while (!_ring.TryTake(out completion))
        {
            _ring.SubmitAndWait(1);
        }

        return completion;
    }

    private void Noticed(int sends, bool copied)
    {
        _noticed += sends;
        _copied += copied ? sends : 0;
    }

    private int Receive()
    {
        int all = 0;
        for (int now = 1; now > 0;)
        {
            now = Sockets.ReceiveNow(_to, _received);
            all += Math.Max(0, now);
        }

        return all;
    }

    private static int Taken(int result) => result >= 0 ? result : result == Eagain ? 0 : throw new IoException("a send failed", -result);
}
