using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>How requests come in, from its own thread and from others, and how somebody waits until one has left.</content>
public sealed partial class NbdHandle
{
    private readonly RequestInbox _inbox;
    private readonly List<SendWait> _sendWaits = [];
    private RequestQueue _early;

    /// <summary>True within <see cref="Issue"/>, in which nothing may end that it issues.</summary>
    internal bool IsIssuing { get; private set; }

    /// <summary>
    /// Issues a request and returns at once. On the handle's thread as much of it as the socket takes is sent before it returns; from another thread it is
    /// handed over, and the handle's thread is woken. Before the connection is ready it waits for that; after the end it ends with ESHUTDOWN.
    /// </summary>
    /// <param name="request">The request; its handler is called on the handle's thread.</param>
    /// <exception cref="ArgumentException">Its memory does not fit its length, or its length the wire. From another thread, or before the connection is ready,
    /// it ends with EINVAL instead.</exception>
    /// <exception cref="InvalidOperationException">It is still in flight, or <see cref="Connect"/> has not been called.</exception>
    public void Issue(ClientRequest request)
    {
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.Issue");
        if (_guest.Loop.IsLoopThread)
        {
            IssueHere(request);
        }
        else
        {
            _inbox.Push(request);
        }
    }

    /// <summary>
    /// Issues a request and returns once its last byte has been handed to the kernel, and before its reply: the caller knows then that the server can have it,
    /// and may go on to whatever must come after it on the wire. This call waits. On the handle's thread it does the waiting itself, and replies are received
    /// meanwhile, so a server that answers before it reads on holds nobody up. From another thread it sleeps while the handle's thread, and nobody else's
    /// <see cref="Issue"/>, goes on as ever.
    /// </summary>
    /// <param name="request">The request; its handler is called on the handle's thread, perhaps before this returns.</param>
    /// <param name="timeoutMs">Milliseconds at most; -1 waits without limit.</param>
    /// <returns>True where the request has left, or has ended. False where the time is up: it stays issued, and is sent all the same.</returns>
    /// <exception cref="ArgumentException">As in <see cref="Issue"/>.</exception>
    /// <exception cref="InvalidOperationException">As in <see cref="Issue"/>, or it was called from a handler on the handle's thread.</exception>
    public bool SendWhole(ClientRequest request, int timeoutMs = -1)
    {
        using CallScope scope = CallWatch.Enter(_watch, "NbdHandle.SendWhole", maySleep: true);
        var wait = new SendWait(request);
        if (!_guest.Loop.IsLoopThread)
        {
            request.Wait = wait;
            _inbox.Push(request);
            return wait.Sleep(timeoutMs);
        }

        if (_guest.IsRunning)
        {
            throw new InvalidOperationException($"a handler cannot wait for the connection that calls it; it can {nameof(Issue)}");
        }

        request.Wait = wait;
        try
        {
            IssueHere(request);
        }
        catch
        {
            request.Wait = null;
            throw;
        }

        return WaitHere(wait, timeoutMs);
    }

    /// <summary>The transport begins a send.</summary>
    internal void BatchBegins(long number)
    {
        foreach (SendWait wait in _sendWaits)
        {
            wait.BatchBegins(number);
        }
    }

    private bool WaitHere(SendWait wait, int timeoutMs)
    {
        long untilMs = timeoutMs < 0 ? long.MaxValue : Environment.TickCount64 + timeoutMs;
        while (!wait.IsOver)
        {
            long leftMs = untilMs - Environment.TickCount64;
            if (leftMs <= 0)
            {
                return false;
            }

            _guest.WaitAndNotify(timeoutMs < 0 ? -1 : (int)leftMs);
            EndSendWaits();
        }

        return true;
    }

    private void IssueHere(ClientRequest request)
    {
        if (_state == State.Created)
        {
            throw new InvalidOperationException($"call {nameof(Connect)} first");
        }

        if (_state != State.Ready || !_client!.IsReady)
        {
            // To be told of an end it needs a call of its own; and what waits for the connection is taken from there as well.
            _inbox.Push(request);
            return;
        }

        bool hasWork = _guest.TimeoutMs == 0;
        IsIssuing = true;
        try
        {
            Submit(request);
            if (!hasWork)
            {
                Turn();
            }
        }
        finally
        {
            IsIssuing = false;
        }
    }

    /// <summary>From the inbox, on the handle's thread.</summary>
    private void Take(ClientRequest request)
    {
        if (_state == State.Closed)
        {
            Fail(request, Errno.ESHUTDOWN);
        }
        else if (_state != State.Ready)
        {
            request.IsSubmitted = true;
            _early.Enqueue(request);
        }
        else
        {
            SubmitOrFail(request);
        }
    }

    private void SubmitEarly()
    {
        while (_early.TryDequeue(out ClientRequest request))
        {
            request.IsSubmitted = false;
            SubmitOrFail(request);
        }
    }

    private void FailEarly(int errno)
    {
        while (_early.TryDequeue(out ClientRequest request))
        {
            Fail(request, errno);
        }

        foreach (SendWait wait in _sendWaits)
        {
            wait.End();
        }

        _sendWaits.Clear();
    }

    private void SubmitOrFail(ClientRequest request)
    {
        try
        {
            Submit(request);
        }
        catch (ArgumentException)
        {
            Fail(request, Errno.EINVAL);
        }
    }

    private void Submit(ClientRequest request)
    {
        _client!.Submit(request);
        if (request.Wait is { } wait)
        {
            request.Wait = null;
            wait.Submitted();
            _sendWaits.Add(wait);
        }
    }

    private void Fail(ClientRequest request, int errno)
    {
        request.Wait?.End();
        request.Wait = null;
        request.IsSubmitted = false;
        request.CompletedNs = _guest.Loop.NowNs;
        request.Handler.OnCompleted(request, errno);
    }

    private void EndSendWaits()
    {
        if (_sendWaits.Count == 0 || _transport is null)
        {
            return;
        }

        bool isSending = WriteState is WriteState.Sending or WriteState.SendingRest or WriteState.Paused;
        long sent = isSending ? _transport.Batches - 1 : _transport.Batches;
        for (int i = _sendWaits.Count - 1; i >= 0; i--)
        {
            _sendWaits[i].Look(sent);
            if (_sendWaits[i].IsOver)
            {
                _sendWaits.RemoveAt(i);
            }
        }
    }
}
