using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

// Waiting with a time limit: inside io_uring_enter where it takes one (5.11), otherwise with a timeout request of our own.
public sealed unsafe partial class Ring
{
    // User data of the timeouts that the ring makes for itself. They exist only where the kernel lacks EXT_ARG, and are never shown.
    private const ulong OwnTimeout = 0xFFFF_FFFF_0000_0000;

    private uint _ownTimeout;
    private int _ownTimeoutsPending;

    /// <summary>
    /// Submits what is prepared and waits until the queue holds <paramref name="minComplete"/> completions or the time is up: one call, or none when there is
    /// nothing to submit and enough is there.
    /// </summary>
    /// <param name="minComplete">Completions to wait for, those in the queue included. 0: bring in what is there and return.</param>
    /// <param name="timeoutNs">Nanoseconds to wait at most; -1 without limit, 0 not at all. Ends no earlier than asked, however many entries were
    /// submitted.</param>
    /// <param name="minWaitUs">Microseconds for which a batch may gather: after them one completion is enough (6.12). Has no effect where <see
    /// cref="RingFeatures.MIN_TIMEOUT"/> is not granted.</param>
    /// <returns>
    /// Entries the kernel took, or minus errno. When some were taken, a wait that timed out or was interrupted still returns their number: look into
    /// the queue, not at the result.
    /// Nothing taken and nothing in the queue: <c>-ETIME</c> the time is up · <c>-EINTR</c> a signal came; call again with the time that is left. Others as
    /// <see cref="Submit"/>; with an error the wait did not take place.
    /// When fewer entries were taken than prepared, the kernel did not wait.
    /// </returns>
    public int SubmitAndWait(uint minComplete, long timeoutNs = -1, uint minWaitUs = 0)
    {
        uint fresh = Publish(out uint pending);
        uint toSubmit = _submissionPolling ? fresh : pending;
        if (timeoutNs == 0)
        {
            minComplete = 0;
        }

        if (toSubmit == 0 && !NeedsEnter && VisibleReady() >= minComplete)
        {
            return 0;
        }

        if (minComplete == 0 || timeoutNs < 0 && minWaitUs == 0)
        {
            return Wait(toSubmit, minComplete, EnterFlags.GETEVENTS, null, 0);
        }

        return _timeoutInEnter ? WaitWithArgument(toSubmit, minComplete, timeoutNs, minWaitUs)
            : timeoutNs < 0 ? Wait(toSubmit, minComplete, EnterFlags.GETEVENTS, null, 0)
            : WaitWithOwnTimeout(minComplete, timeoutNs);
    }

    private int Wait(uint toSubmit, uint minComplete, EnterFlags flags, void* arg, nuint argSize) =>
        _submissionPolling ? EnterPolled(toSubmit, minComplete, flags, arg, argSize) : Call(toSubmit, minComplete, flags, arg, argSize);

    private int WaitWithArgument(uint toSubmit, uint minComplete, long timeoutNs, uint minWaitUs)
    {
        // On the stack, which does not move; the kernel reads both before it returns.
        __kernel_timespec limit = __kernel_timespec.FromNanoseconds(timeoutNs);
        io_uring_getevents_arg argument = new()
        {
            min_wait_usec = (Features & RingFeatures.MIN_TIMEOUT) != 0 ? minWaitUs : 0,
            ts = timeoutNs < 0 ? 0 : (ulong)&limit,
        };
        return Wait(toSubmit, minComplete, EnterFlags.GETEVENTS | EnterFlags.EXT_ARG, &argument, (nuint)sizeof(io_uring_getevents_arg));
    }

    private int WaitWithOwnTimeout(uint minComplete, long timeoutNs)
    {
        int taken = 0;
        // What former waits left at the front would fill the queue of a caller that only waits.
        SkipOwnTimeouts();
        // The timeout needs a slot, and so does the removal of one that a former wait left behind. Where enough is there already, nothing is to wait for.
        if (SqSpaceLeft < 2 || VisibleReady() >= minComplete)
        {
            taken = SubmitAndGetEvents();
            if (taken < 0 || SqSpaceLeft < 2 || VisibleReady() >= minComplete)
            {
                return taken;
            }
        }

        int own = 0;
        for (bool armed = false; ; armed = true)
        {
            // One more than is there, so that our own timeout wakes us, even if it is quicker than the call. It bounds the whole, however often we go back.
            uint ready = Volatile.Read(ref *_cqTail) - _head;
            if (ready >= CompletionEntries)
            {
                return taken > 0 ? taken : -Errno.EBUSY;
            }

            if (!armed)
            {
                own = PrepareOwnTimeout(timeoutNs);
            }

            uint fresh = Publish(out uint pending);
            int result = Wait(_submissionPolling ? fresh : pending, ready + 1, EnterFlags.GETEVENTS, null, 0);
            if (result < 0)
            {
                return taken > 0 ? taken : result;
            }

            taken += Math.Max(result - own, 0);
            own = 0;
            if (VisibleReady() >= minComplete || SubmissionsPending != 0 && !_submissionPolling)
            {
                return taken;
            }

            if (OwnTimeoutExpired())
            {
                return taken > 0 || VisibleReady() > 0 ? taken : -Errno.ETIME;
            }
        }
    }

    // Returns how many entries it added.
    private int PrepareOwnTimeout(long timeoutNs)
    {
        int added = 1;
        if (_ownTimeoutsPending > 0)
        {
            PrepareTimeoutRemove(OwnTimeout | _ownTimeout, OwnTimeout | ++_ownTimeout);
            _ownTimeoutsPending++;
            added++;
        }
        PrepareTimeout(timeoutNs, OwnTimeout | ++_ownTimeout);
        _ownTimeoutsPending++;
        return added;
    }

    private bool OwnTimeoutExpired()
    {
        uint tail = Volatile.Read(ref *_cqTail);
        for (uint i = _head; i != tail; i++)
        {
            if (_cqes[i & _cqMask].user_data == (OwnTimeout | _ownTimeout))
            {
                return true;
            }
        }
        return false;
    }

    // Completions in the queue that are the caller's.
    private uint VisibleReady()
    {
        uint tail = Volatile.Read(ref *_cqTail);
        uint ready = tail - _head;
        if (_ownTimeoutsPending == 0)
        {
            return ready;
        }

        for (uint i = _head; i != tail; i++)
        {
            if (IsOwnTimeout(_cqes[i & _cqMask].user_data))
            {
                ready--;
            }
        }
        return ready;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsOwnTimeout(ulong userData) => userData >= OwnTimeout;
}
