namespace Harness.Io;

/// <summary>
/// The pipe test of the tevent thread: pipes in a ring and tokens of one byte in them. A handler call takes one token from its pipe and writes it to the next;
/// one event is one token moved by a handler call. It runs on the thread that made it.
/// </summary>
public sealed class PipeTest : IDisposable
{
    private readonly PipeRing _pipes;
    private readonly IPipeMover _mover;

    /// <summary>Pipes with the tokens spread over them.</summary>
    /// <param name="variant">One of <see cref="LoopVariants.All"/>.</param>
    /// <param name="pipes">How many pipes, 2 or more.</param>
    /// <param name="tokens">How many tokens, 1 to 1,000 for each pipe.</param>
    /// <exception cref="RingUnavailableException">The variant needs a ring, and there is none.</exception>
    /// <exception cref="NotSupportedException">The kernel lacks what the variant needs; the text says what.</exception>
    /// <exception cref="IoException">There are not enough descriptors.</exception>
    public PipeTest(LoopVariant variant, int pipes, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pipes, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, pipes * 1000L);
        _pipes = new PipeRing(pipes);
        try
        {
            _mover = variant.Make(_pipes);
            for (int token = 0; token < tokens; token++)
            {
                _pipes.Put((int)((long)token * pipes / tokens) % pipes);
            }
        }
        catch
        {
            _mover?.Dispose();
            _pipes.Dispose();
            throw;
        }
    }

    /// <summary>Moves tokens, at least <paramref name="events"/> times, and says what that cost.</summary>
    public PipeTestFigures Run(long events)
    {
        PipeTestFigures before = Now();
        _mover.MoveUntil(_pipes.Moved + events);
        return Now().Minus(before);
    }

    /// <summary>Closes everything.</summary>
    public void Dispose()
    {
        _mover.Dispose();
        _pipes.Dispose();
    }

    private PipeTestFigures Now()
    {
        LoopCounters loop = _mover.Counters;
        return new PipeTestFigures(
            _pipes.Moved, MonotonicClock.NowNs, loop.SystemCalls + _pipes.SystemCalls, loop.Cqes, GC.GetAllocatedBytesForCurrentThread());
    }
}

/// <summary>What some events of a pipe test cost.</summary>
/// <param name="Events">Tokens moved.</param>
/// <param name="ElapsedNs">Nanoseconds that it took.</param>
/// <param name="SystemCalls">System calls of the loop and of the handlers.</param>
/// <param name="Cqes">Completion queue entries taken; 0 without a ring.</param>
/// <param name="AllocatedBytes">Bytes allocated by the thread.</param>
public readonly record struct PipeTestFigures(long Events, long ElapsedNs, long SystemCalls, long Cqes, long AllocatedBytes)
{
    internal PipeTestFigures Minus(PipeTestFigures before) => new(
        Events - before.Events, ElapsedNs - before.ElapsedNs, SystemCalls - before.SystemCalls, Cqes - before.Cqes, AllocatedBytes - before.AllocatedBytes);
}

/// <summary>A way of hearing of tokens and moving them.</summary>
internal interface IPipeMover : IDisposable
{
    /// <summary>What it has asked of the kernel, but for the handlers' own calls.</summary>
    LoopCounters Counters { get; }

    /// <summary>Goes on until so many tokens have been moved since the beginning.</summary>
    void MoveUntil(long moved);
}
