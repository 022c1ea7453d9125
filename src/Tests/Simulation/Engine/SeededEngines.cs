using System.Buffers.Binary;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Servers with one bug each in what they do with the disk.</summary>
internal sealed class EngineWithStore(Func<EngineSetup, Random, EngineStore> make) : EngineUnderTest
{
    public override EngineStore Store(EngineSetup setup, Random random) => make(setup, random);
}

/// <summary>Servers with one bug each in what they send.</summary>
internal sealed class EngineThatSends(Func<WireChunk, Random, IEnumerable<WireChunk>> alter) : EngineUnderTest
{
    public override IEnumerable<WireChunk> Sent(WireChunk chunk, Random random) => alter(chunk, random);
}

/// <summary>Takes writes to what is read-only.</summary>
internal sealed class ForgetsReadOnly : EngineUnderTest
{
    public override bool ReadOnly(EngineSetup setup) => false;
}

/// <summary>Lets one request more into the window than may be there.</summary>
internal sealed class CountsWrong : EngineUnderTest
{
    public override NbdServerOptions Options(EngineSetup setup) => base.Options(setup) with { MaxInFlight = setup.MaxInFlight + 1 };
}

/// <summary>Hands some READs on with a range that is off by one, as a filter may.</summary>
internal sealed class OffByOne : EngineUnderTest
{
    public override IBlock Top(EngineStore store) => new Shifting(store);

    private sealed class Shifting(IBlock next) : BlockFilter(next)
    {
        public override string Name => "shifting";

        public override void Start(BlockRequest request)
        {
            request.Offset += request.Command == NbdCommand.Read ? 1u : 0;
            Pass(request);
        }
    }
}

/// <summary>Drains with a gate that is wrong.</summary>
internal sealed class EngineWithGate(Func<BlockEdge, BlockLoop, EdgeGate> make) : EngineUnderTest
{
    public override void Prepare(BlockDrains drains) => drains.MakeGate = make;
}

/// <summary>Forgets every third request that has waited.</summary>
internal sealed class ForgetfulGate(BlockEdge edge, BlockLoop home) : EdgeGate(edge, home)
{
    private int _let;

    protected override void LetIn(BlockRequest request)
    {
        if (++_let % 3 != 0)
        {
            base.LetIn(request);
        }
    }
}

/// <summary>Lets every write through and holds the rest.</summary>
internal sealed class LeakyGate(BlockEdge edge, BlockLoop home) : EdgeGate(edge, home)
{
    public override bool Hold(BlockRequest request) => request.Command != NbdCommand.Write && base.Hold(request);
}

internal sealed class LosesWrites(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    private int _writes;

    protected override void Write(BlockRequest request, ReadOnlySpan<byte> data)
    {
        if (++_writes % 10 != 0)
        {
            base.Write(request, data);
        }
    }
}

internal sealed class MisplacesWrites(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override void Write(BlockRequest request, ReadOnlySpan<byte> data)
    {
        request.Offset ^= request.Length == EngineSetup.UnitBytes ? (ulong)EngineSetup.UnitBytes : 0;
        base.Write(request, data);
    }
}

internal sealed class ReadsWhatWas(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override ReadOnlySpan<byte> Source(BlockRequest request) => Durable.AsSpan((int)request.Offset, (int)request.Length);
}

internal sealed class ZeroesTooFew(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override void Write(BlockRequest request, ReadOnlySpan<byte> data) =>
        base.Write(request, request.Command == NbdCommand.WriteZeroes ? data[..^EngineSetup.UnitBytes] : data);
}

internal sealed class CallsDataHoles(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override ExtentState StateOf(ReadOnlySpan<byte> unit) => ExtentState.Hole | ExtentState.Zero;
}

internal sealed class AnswersHoles(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override bool IsHole(ReadOnlySpan<byte> part) => part.Length == EngineSetup.UnitBytes || base.IsHole(part);
}

internal sealed class SwallowsErrors(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override void Complete(BlockRequest request, int error)
    {
        if (error != 0 && request.Command == NbdCommand.Read)
        {
            request.AddHole(request.Length);
        }

        base.Complete(request, 0);
    }
}

internal sealed class NeverAnswersTrims(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override void Complete(BlockRequest request, int error)
    {
        if (request.Command != NbdCommand.Trim)
        {
            base.Complete(request, error);
        }
    }
}

internal sealed class FlushesNothing(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override void Flush(BlockRequest request)
    {
    }
}

/// <summary>Flushes what came over the connection that asks, and nothing else.</summary>
internal sealed class FlushesItsOwn(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    private readonly object?[] _writer = new object?[EngineSetup.Units];

    protected override void Write(BlockRequest request, ReadOnlySpan<byte> data)
    {
        base.Write(request, data);
        Array.Fill(_writer, Root(request).Owner, (int)request.Offset / EngineSetup.UnitBytes, data.Length / EngineSetup.UnitBytes);
    }

    protected override void Flush(BlockRequest request)
    {
        for (int unit = 0; unit < EngineSetup.Units; unit++)
        {
            if (_writer[unit] == Root(request).Owner)
            {
                Cached.AsSpan(unit * EngineSetup.UnitBytes, EngineSetup.UnitBytes).CopyTo(Durable.AsSpan(unit * EngineSetup.UnitBytes));
            }
        }
    }
}

/// <summary>Says that it honours FUA, and does not.</summary>
internal sealed class IgnoresFua(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    protected override void Write(BlockRequest request, ReadOnlySpan<byte> data)
    {
        request.Flags &= ~NbdCommandFlags.Fua;
        base.Write(request, data);
    }
}

/// <summary>Is larger than it says to the model, so that the gate lets through what lies behind the end.</summary>
internal sealed class TooLarge(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    public override ulong Size => EngineSetup.DiskBytes + 4096;
}

/// <summary>Keeps a buffer of a READ for ever.</summary>
internal sealed class KeepsABuffer(EngineSetup setup, Random random) : EngineStore(setup, random)
{
    private bool _kept;

    protected override void Do(BlockRequest request)
    {
        base.Do(request);
        if (!_kept)
        {
            _kept = true;
            request.Home.Buffers.Rent(1);
        }
    }
}

/// <summary>What a server with a bug may send instead of a chunk.</summary>
internal static class SeededChunks
{
    public static IEnumerable<WireChunk> Lost(WireChunk chunk, Random random) => random.Next(100) == 0 ? [] : [chunk];

    public static IEnumerable<WireChunk> Twice(WireChunk chunk, Random random) => chunk.IsDone && random.Next(100) == 0 ? [chunk, chunk] : [chunk];

    public static IEnumerable<WireChunk> OfAnother(WireChunk chunk, Random random) =>
        [random.Next(100) == 0 ? chunk with { Cookie = chunk.Cookie ^ 1 << 40 } : chunk];

    public static IEnumerable<WireChunk> WithAnotherError(WireChunk chunk, Random random) =>
        [chunk is { IsSimple: true, SimpleError: 22 } ? chunk with { SimpleError = 5 } : chunk];

    public static IEnumerable<WireChunk> Moved(WireChunk chunk, Random random)
    {
        if (chunk.Type == 1 && random.Next(20) == 0)
        {
            BinaryPrimitives.WriteUInt64BigEndian(chunk.Payload, chunk.DataOffset + 1);
        }

        return [chunk];
    }

    /// <summary>A data chunk as two.</summary>
    public static IEnumerable<WireChunk> Split(WireChunk chunk, Random random)
    {
        if (chunk.Type != 1 || chunk.Data.Length < 2)
        {
            return [chunk];
        }

        byte[] first = [.. Wire.U64(chunk.DataOffset), .. chunk.Data[..1]];
        byte[] second = [.. Wire.U64(chunk.DataOffset + 1), .. chunk.Data[1..]];
        return [chunk with { Payload = first, Flags = 0 }, chunk with { Payload = second }];
    }

    public static IEnumerable<WireChunk> Flipped(WireChunk chunk, Random random)
    {
        if (chunk.Type is 1 or -1 && chunk.Payload.Length > 8 && random.Next(20) == 0)
        {
            chunk.Payload[^1] ^= 0x10;
        }

        return [chunk];
    }
}
