using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

// Completion: read the tail, read the entries, release the head.
public sealed unsafe partial class Ring
{
    private uint _head;

    /// <summary>Completions taken so far.</summary>
    public long Cqes;

    /// <summary>
    /// Calls so far that found completions waiting because the queue was full. None is lost and their order holds, but multishot requests end there: a larger
    /// <see cref="RingOptions.CompletionEntries"/> is due.
    /// </summary>
    public long Overflows;

    /// <summary>Completions in the queue, ready to take without a call.</summary>
    public uint CompletionsReady
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _ownTimeoutsPending == 0 ? Volatile.Read(ref *_cqTail) - _head : VisibleReady();
    }

    /// <summary>
    /// Copies the oldest completion out, without taking it. False when the queue is empty; then <see cref="NeedsEnter"/> says whether a call would bring more.
    /// </summary>
    /// <param name="cqe">The completion, or zeroes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPeek(out Cqe cqe)
    {
        // Acquire: entries up to the tail are complete once the tail is seen.
        if (_head == Volatile.Read(ref *_cqTail) || _ownTimeoutsPending != 0 && !SkipOwnTimeouts())
        {
            cqe = default;
            return false;
        }
        cqe = *(Cqe*)(_cqes + (_head & _cqMask));
        return true;
    }

    /// <summary>Takes the oldest completion. False when the queue is empty.</summary>
    /// <param name="cqe">The completion, or zeroes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake(out Cqe cqe)
    {
        if (!TryPeek(out cqe))
        {
            return false;
        }

        Advance();
        return true;
    }

    /// <summary>Takes the completion that <see cref="TryPeek"/> showed, and gives its slot back to the kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance()
    {
        Cqes++;
        // Release: we have read the entry before the kernel may write it anew.
        Volatile.Write(ref *_cqHead, ++_head);
    }

    // Drops completions of the ring's own timeouts from the front of the queue; false when nothing else is there.
    private bool SkipOwnTimeouts()
    {
        uint tail = Volatile.Read(ref *_cqTail);
        while (_head != tail && IsOwnTimeout(_cqes[_head & _cqMask].user_data))
        {
            _ownTimeoutsPending--;
            Volatile.Write(ref *_cqHead, ++_head);
        }
        return _head != tail;
    }
}
