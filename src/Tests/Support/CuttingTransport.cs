using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A stream that takes and gives only a random part of what it is asked for, so that both sides are cut at any byte.</summary>
internal sealed class CuttingTransport(ITransport inner, int seed, int most) : ITransport
{
    private readonly Random _random = new(seed);
    private readonly SendVector _piece = new(1);

    public EventLoop Loop => inner.Loop;

    public string Peer => inner.Peer;

    public void Receive(IoOperation operation, NativeSlice into) => inner.Receive(operation, into.Slice(0, Piece(into.Length)));

    public void WaitReadable(IoOperation operation) => inner.WaitReadable(operation);

    public void Send(IoOperation operation, SendVector vector)
    {
        NativeSlice first = vector.First();
        _piece.Clear();
        _piece.Add(first.Slice(0, Piece(first.Length)));
        inner.Send(operation, _piece);
    }

    public void Close(IoOperation operation) => inner.Close(operation);

    public void Cancel(IoOperation operation) => inner.Cancel(operation);

    private int Piece(int available) => _random.Next(1, Math.Min(available, most) + 1);
}
