using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A disk with a cache that a power failure would lose. It keeps every request until the program lets it end, in any order, and does its work at the end;
/// errors come as the program draws them. Bugs are seeded by overriding what it does.
/// </summary>
internal class EngineStore(EngineSetup setup, Random random) : IBlock
{
    private const int NotFast = 95;

    private static readonly int[] s_errors = [5, 12, 28, 121];

    public string Name => "engine";

    public virtual ulong Size => EngineSetup.DiskBytes;

    public virtual BlockCapabilities Capabilities => setup.Capabilities;

    public BlockSizeConstraints Constraints => BlockSizeConstraints.Default;

    public List<BlockRequest> Held { get; } = [];

    /// <summary>Requests that it was given so far.</summary>
    public int Starts { get; private set; }

    /// <summary>What a READ finds.</summary>
    public byte[] Cached { get; } = new byte[EngineSetup.DiskBytes];

    /// <summary>What a power failure would leave.</summary>
    public byte[] Durable { get; } = new byte[EngineSetup.DiskBytes];

    /// <summary>The last error of each request that had one, by its cookie.</summary>
    public Dictionary<ulong, int> Errors { get; } = [];

    /// <summary>What it was given and must not be given; null while all was well.</summary>
    public string? Complaint { get; private set; }

    public string Describe() => "a disk with a cache";

    public void Open()
    {
    }

    public virtual void Start(BlockRequest request)
    {
        Starts++;
        if (WhatIsWrong(request) is { } wrong)
        {
            Complaint ??= wrong;
            request.Complete(5);
        }
        else
        {
            Held.Add(request);
        }
    }

    /// <summary>Ends one request.</summary>
    public void End(int index)
    {
        BlockRequest request = Held[index];
        Held.RemoveAt(index);
        int error = random.Next(1000) < setup.ErrorsPerThousand ? s_errors[random.Next(s_errors.Length)] : 0;
        if ((request.Flags & NbdCommandFlags.FastZero) != 0 && random.Next(3) == 0)
        {
            // What is refused because it would take its time has changed nothing.
            error = Errors[Root(request).Cookie] = NotFast;
        }
        else if (error != 0)
        {
            Errors[Root(request).Cookie] = error;
            HalfDo(request);
        }
        else
        {
            Do(request);
        }

        Complete(request, error);
    }

    /// <summary>The request of a client that this one is, or is a part of.</summary>
    public static BlockRequest Root(BlockRequest request) => request.Parent is { } parent ? Root(parent) : request;

    public virtual void Dispose()
    {
    }

    protected virtual void Complete(BlockRequest request, int error) => request.Complete(error);

    protected virtual void Do(BlockRequest request)
    {
        switch (request.Command)
        {
            case NbdCommand.Read:
                Answer(request);
                break;
            case NbdCommand.Write:
                Write(request, request.Payload.Span);
                break;
            case NbdCommand.Trim or NbdCommand.WriteZeroes:
                Write(request, new byte[request.Length]);
                break;
            case NbdCommand.Flush:
                Flush(request);
                break;
            case NbdCommand.BlockStatus:
                Tell(request);
                break;
        }
    }

    protected virtual void Write(BlockRequest request, ReadOnlySpan<byte> data)
    {
        data.CopyTo(Cached.AsSpan((int)request.Offset));
        if ((request.Flags & NbdCommandFlags.Fua) != 0 && setup.Can(BlockCapabilities.Fua))
        {
            data.CopyTo(Durable.AsSpan((int)request.Offset));
        }
    }

    protected virtual void Flush(BlockRequest request) => Cached.CopyTo(Durable, 0);

    protected virtual ReadOnlySpan<byte> Source(BlockRequest request) => Cached.AsSpan((int)request.Offset, (int)request.Length);

    /// <summary>Which units are zeroes.</summary>
    protected virtual ExtentState StateOf(ReadOnlySpan<byte> unit) =>
        unit.ContainsAnyExcept((byte)0) ? ExtentState.Data : ExtentState.Hole | ExtentState.Zero;

    /// <summary>Whether a part of an answer may be a hole.</summary>
    protected virtual bool IsHole(ReadOnlySpan<byte> part) => !part.ContainsAnyExcept((byte)0);

    private void Tell(BlockRequest request)
    {
        ReadOnlySpan<byte> data = Source(request);
        for (int at = 0; at < data.Length; at += EngineSetup.UnitBytes)
        {
            request.AddStatus(EngineSetup.UnitBytes, StateOf(data.Slice(at, EngineSetup.UnitBytes)));
        }
    }

    /// <summary>The data unit by unit, some of those that are zeroes as holes.</summary>
    private void Answer(BlockRequest request)
    {
        ReadOnlySpan<byte> data = Source(request);
        int at = 0;
        while (at < data.Length)
        {
            int length = Math.Min(data.Length - at, random.Next(1, 5) * EngineSetup.UnitBytes);
            ReadOnlySpan<byte> piece = data.Slice(at, length);
            if (IsHole(piece) && random.Next(2) == 0)
            {
                request.AddHole((ulong)length);
            }
            else
            {
                PooledBuffer buffer = request.Home.Buffers.Rent(length);
                piece.CopyTo(buffer.Slice.Span);
                request.AddData(buffer.Slice, buffer);
            }

            at += length;
        }
    }

    /// <summary>A write that fails has written some of what it should.</summary>
    protected virtual void HalfDo(BlockRequest request)
    {
        if (request.Command is not (NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes))
        {
            return;
        }

        int bytes = random.Next(((int)request.Length / EngineSetup.UnitBytes) + 1) * EngineSetup.UnitBytes;
        ReadOnlySpan<byte> data = request.Command == NbdCommand.Write ? request.Payload.Span[..bytes] : new byte[bytes];
        data.CopyTo(Cached.AsSpan((int)request.Offset));
    }

    private string? WhatIsWrong(BlockRequest request)
    {
        bool changes = request.Command is NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes;
        bool able = request.Command switch
        {
            NbdCommand.Read or NbdCommand.Write or NbdCommand.BlockStatus => true,
            NbdCommand.Flush => setup.CanFlush,
            NbdCommand.Trim => setup.Can(BlockCapabilities.Trim),
            NbdCommand.WriteZeroes => setup.Can(BlockCapabilities.WriteZeroes)
                && ((request.Flags & NbdCommandFlags.FastZero) == 0 || setup.Can(BlockCapabilities.FastZero)),
            NbdCommand.Cache => setup.Can(BlockCapabilities.Cache),
            _ => false,
        };
        return !able ? $"it cannot do {request.Text()}"
            : changes && setup.ReadOnly ? $"{request.Text()} would change a read-only export"
            : request.Offset + request.Length > EngineSetup.DiskBytes ? $"{request.Text()} leaves the disk"
            : request.Command == NbdCommand.Flush && (request.Offset | request.Length) != 0 ? $"{request.Text()} has a range"
            : request.Command != NbdCommand.Flush && request.Length == 0 ? $"{request.Text()} asks for nothing"
            : request.Command == NbdCommand.Write && request.Payload.Length != (int)request.Length ? $"{request.Text()} has {request.Payload.Length} bytes of data"
            : null;
    }
}
